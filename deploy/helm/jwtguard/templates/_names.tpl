{{- define "jwtguard.name" -}}
{{- $name := .Release.Name -}}
{{- if not (contains "jwtguard" $name) }}{{ $name = printf "%s-jwtguard" $name }}{{ end -}}
{{- /* Pods, revisions and the headless Service add to it; a label has 63 characters. */ -}}
{{- $name | trunc 50 | trimSuffix "-" -}}
{{- end -}}

{{- define "jwtguard.selector" -}}
app.kubernetes.io/name: jwtguard
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end -}}

{{- define "jwtguard.labels" -}}
{{ include "jwtguard.selector" . }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" }}
{{- end -}}
