package admin

import "net/http"

// Probes serves what orchestrators and scrapers ask: /healthz, /readyz by a
// [Readiness] or its Brief, and /metrics, and nothing else.
func Probes(readyz, metrics http.Handler) http.Handler {
	mux := http.NewServeMux()
	get(mux, "/healthz", healthz)
	get(mux, "/readyz", readyz.ServeHTTP)
	get(mux, "/metrics", metrics.ServeHTTP)
	mux.HandleFunc("/", func(w http.ResponseWriter, _ *http.Request) {
		(&problem{Status: http.StatusNotFound, Title: "Not found", Detail: "there is nothing here"}).write(w)
	})
	return mux
}

// get serves GET and HEAD at a path.
func get(mux *http.ServeMux, path string, h http.HandlerFunc) {
	mux.HandleFunc("GET "+path, h)
	refuseMethods(mux, path, "GET, HEAD", "this can only be read, by GET")
}

// refuseMethods refuses at a path what no other handler takes. Without that, the
// mux would pass it to what answers all other paths.
func refuseMethods(mux *http.ServeMux, path, allow, detail string) {
	mux.HandleFunc(path, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Allow", allow)
		(&problem{Status: http.StatusMethodNotAllowed, Title: "Method not allowed", Detail: detail}).write(w)
	})
}
