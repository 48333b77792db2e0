{{- /*
For the pods of a chart that has this one as a dependency, with mode: sidecar. In its
template, with $guard set to .Subcharts.jwtguard:

  metadata:
    labels: {{ include "jwtguard.sidecar.labels" $guard | nindent 8 }}
    annotations: {{ include "jwtguard.annotations" $guard | nindent 8 }}
  spec:
    securityContext: { fsGroup: 65532 }     # any group, if there is none yet
    initContainers: {{ include "jwtguard.sidecar.containers" $guard | nindent 6 }}
    containers:
    - name: envoy
      volumeMounts: {{ include "jwtguard.sidecar.envoyMounts" $guard | nindent 8 }}
    volumes: {{ include "jwtguard.sidecar.volumes" $guard | nindent 6 }}
*/ -}}
{{- define "jwtguard.sidecar.labels" -}}
jwtguard-metrics: "true"
{{- end -}}

{{- define "jwtguard.sidecar.containers" -}}
{{- if ne .Values.mode "sidecar" }}{{ fail "mode: must be sidecar for the templates jwtguard.sidecar.*" }}{{ end -}}
{{- /* An init container that is restarted always runs before Envoy starts, and is
stopped once Envoy has ended. */ -}}
- {{ include "jwtguard.container" . | nindent 2 | trim }}
  # Where something is mounted already, the pod's service account token is not.
  - { name: jwtguard-no-token, mountPath: /var/run/secrets/kubernetes.io/serviceaccount, readOnly: true }
  restartPolicy: Always
{{- end -}}

{{- define "jwtguard.sidecar.envoyMounts" -}}
- { name: jwtguard-socket, mountPath: /run/jwtguard }
{{- end -}}

{{- define "jwtguard.sidecar.volumes" -}}
{{ include "jwtguard.volumes" . }}
# Shared with Envoy alone. Its group is the pod's fsGroup, which Envoy is in.
- name: jwtguard-socket
  emptyDir: {}
- name: jwtguard-no-token
  emptyDir: {}
{{- end -}}
