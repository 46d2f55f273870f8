{{- define "loopline.labels" -}}
app.kubernetes.io/name: loopline
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end }}
