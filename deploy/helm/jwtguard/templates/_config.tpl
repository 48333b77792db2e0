{{- /* What the guard reads at its start alone. */ -}}
{{- define "jwtguard.listen" -}}
{{- if eq .Values.mode "sidecar" -}}
listen:
  grpc: unix:///run/jwtguard/authz.sock
  socket_mode: "0660"
  admin: unix:///run/jwtguard-admin/admin.sock
  metrics: ":9193"
  # Envoy has ended by the time that the guard is stopped.
  drain: 0s
{{- else -}}
listen:
  grpc:
  {{- range .Values.listeners }}
  - address: ":{{ .port }}"
    {{- with .policy }}
    policy: {{ quote . }}
    {{- end }}
  {{- end }}
  {{- if .Values.tls.enabled }}
  tls:
    cert: /etc/jwtguard-tls/tls.crt
    key: /etc/jwtguard-tls/tls.key
    client_ca: /etc/jwtguard-tls/ca.crt
  {{- end }}
  admin: unix:///run/jwtguard-admin/admin.sock
  metrics: ":9193"
  drain: {{ .Values.drain }}
{{- end }}
# A folder below the volume, which the guard makes for itself alone: the volume's own
# is writable by the pod's group.
state_dir: /var/lib/jwtguard/state
{{- with .Values.config.ledger }}
ledger: {{ toJson . }}
{{- end }}
{{- end -}}

{{- /* What it reads again when it changes. */ -}}
{{- define "jwtguard.config" -}}
{{ include "jwtguard.listen" . }}
{{- range $key := list "issuers" "policies" "token_cache" }}
{{- with index $.Values.config $key }}
{{ $key }}:
{{ toYaml . | indent 2 }}
{{- end }}
{{- end }}
{{- end -}}

{{- /* Replaces the pods when that changes which running guards do not read again. */ -}}
{{- define "jwtguard.annotations" -}}
checksum/jwtguard-listen: {{ include "jwtguard.listen" . | sha256sum }}
{{- end -}}
