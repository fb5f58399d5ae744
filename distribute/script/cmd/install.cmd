@echo off
{{template "head" .}}
rem   install.cmd [/dry] [/log FILE] [/stage DIR] [/only ID] [/base URL or UNC]
rem               [/report URL or UNC] [/help]
rem
rem Exit: 0 everything is there, 3010 restart and run this again, 1618 another
rem installation runs, 1 something failed. It never restarts the machine.
setlocal enableextensions disabledelayedexpansion
{{template "names" .}}
{{template "arguments" .}}
{{- template "local" .}}
call :host
call :begin
if not "%RESULT%"=="0" goto leave
call :all_items
{{- if .QChain}}
call :qchain
{{- end}}
call :end
:leave
call :clean
exit /b %RESULT%

{{- range .Parts}}

rem ======== The packages, in order =======================================
{{- template "main" .}}
{{template "item" .}}
{{template "report_item" .}}
{{template "log" .}}
{{template "have" .}}
{{template "detect" .}}
{{template "registry" .}}
{{template "files" .}}
{{template "codes" .}}
{{template "run" .}}
{{template "package" .}}
{{template "download" .}}
{{template "get" .}}
{{template "digest" .}}
{{- end}}
{{template "report" .}}
{{- if .QChain}}
{{template "qchain" .}}
{{- end}}
{{template "begin" .}}
{{template "gates" .}}
{{template "gate" .}}
{{template "end" .}}
{{template "host" .}}
{{template "work" .}}
