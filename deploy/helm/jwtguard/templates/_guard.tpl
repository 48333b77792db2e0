{{- define "jwtguard.container" -}}
name: jwtguard
image: {{ printf "%s@%s" .Values.image.repository .Values.image.digest | quote }}
args: [serve, -c, /etc/jwtguard/jwtguard.yaml, --log-format, json]
{{- with .Values.env }}
env:
{{ toYaml . }}
{{- end }}
ports:
{{- if eq .Values.mode "service" }}
{{- range .Values.listeners }}
- { name: guard-{{ .name }}, containerPort: {{ .port }} }
{{- end }}
{{- end }}
- { name: guard-metrics, containerPort: 9193 }
# Up, not ready: while an issuer cannot be reached, starting again helps nobody.
# A minute, since a guard may wait 15 s for its state directory.
startupProbe:
  httpGet: { path: /healthz, port: guard-metrics }
  periodSeconds: 1
  failureThreshold: 60
readinessProbe:
  httpGet: { path: /readyz, port: guard-metrics }
  periodSeconds: 2
  timeoutSeconds: 2
livenessProbe:
  httpGet: { path: /healthz, port: guard-metrics }
  periodSeconds: 10
  timeoutSeconds: 5
  failureThreshold: 6
resources:
{{ toYaml .Values.resources | indent 2 }}
securityContext:
  runAsNonRoot: true
  runAsUser: 65532
  runAsGroup: 65532
  allowPrivilegeEscalation: false
  readOnlyRootFilesystem: true
  capabilities: { drop: [ALL] }
  seccompProfile: { type: RuntimeDefault }
volumeMounts:
# The folder, never a single file of it by subPath: that would not change when the
# ConfigMap does.
- { name: jwtguard-config, mountPath: /etc/jwtguard, readOnly: true }
{{- if eq .Values.mode "sidecar" }}
- { name: jwtguard-socket, mountPath: /run/jwtguard }
{{- else if .Values.tls.enabled }}
- { name: jwtguard-tls, mountPath: /etc/jwtguard-tls, readOnly: true }
{{- end }}
- { name: jwtguard-admin, mountPath: /run/jwtguard-admin }
- { name: jwtguard-state, mountPath: /var/lib/jwtguard }
{{- end -}}

{{- define "jwtguard.volumes" -}}
- name: jwtguard-config
  configMap: { name: {{ include "jwtguard.name" . }} }
# Shared with nobody: orders come by kubectl exec.
- name: jwtguard-admin
  emptyDir: {}
{{- if or (eq .Values.mode "sidecar") (not .Values.state.persistent) }}
- name: jwtguard-state
  emptyDir: { sizeLimit: {{ .Values.state.size }} }
{{- end }}
{{- end -}}
