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

rem ======== The packages, in order =======================================
:all_items
{{- range .Items}}

rem {{.Order}}. {{.ID}}: {{.Title}}
{{- range .Data}}
{{.}}
{{- end}}
call :item
{{- end}}
goto :eof

rem ======== What tells that a package is there: HERE=1 ====================
{{- range .Items}}
:have_{{.N}}
{{- range .Have}}
{{.}}
{{- end}}
goto :eof
{{- end}}

rem ======== The files of a package: PKG is the one that is run =============
{{- range .Items}}
:files_{{.N}}
{{- range .Files}}
{{.}}
{{- end}}
goto :eof
{{- end}}

rem ======== What exit codes mean: STATE ===================================
{{- range .CodeTables}}
:codes_{{.N}}
set "STATE=failed"
{{- range .Codes}}
if "%RC%"=="{{.Code}}" set "STATE={{.Result}}"
{{- end}}
goto :eof
{{- end}}
{{template "item" .}}
{{template "gate" .}}
{{template "package" .}}
{{template "download" .}}
{{template "get" .}}
{{template "digest" .}}
{{template "run" .}}
{{- if .QChain}}
{{template "qchain" .}}
{{- end}}
{{template "begin" .}}
{{template "end" .}}
{{template "report" .}}
{{template "log" .}}
{{template "detect" .}}
{{template "registry" .}}
{{template "host" .}}
{{template "work" .}}
