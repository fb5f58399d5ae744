{{define "gates"}}
rem ======== For which hosts: GATE_n is why this one is not ================
:gates
{{- range .Gates}}
{{- range .Lines}}
{{.}}
{{- end}}
call :gate
set "GATE_{{.N}}=%WHYNOT%"
{{- end}}
goto :eof
{{end}}

{{define "main"}}
{{- if eq .Part 1}}
:all_items
{{- else}}
:part_{{.Part}}
{{- end}}
{{- range .Items}}

rem {{.Order}}. {{.ID}}: {{.Title}}
{{- range .Data}}
{{.}}
{{- end}}
call :item
{{- end}}
{{- if .Next}}
goto part_{{.Next}}
{{- else}}
goto :eof
{{- end}}
{{end}}

{{define "have"}}
rem ======== What tells that a package is there: HERE=1 ====================
{{- range .Items}}
:have_{{.N}}
{{- range .Have}}
{{.}}
{{- end}}
goto :eof
{{- end}}
{{end}}

{{define "fits"}}
rem ======== Its files, as it left them or later: else FITS is empty =======
{{- range .Items}}
:fits_{{.N}}
{{- if .Fits}}
set "FILES=1"
{{- end}}
{{- range .Fits}}
{{.}}
{{- end}}
goto :eof
{{- end}}
{{end}}

{{define "undo"}}
rem ======== What takes it off: CAN=1, PROGRAM and UNDO, its arguments ====================
{{- range .Items}}
:undo_{{.N}}
set "CODES={{.Codes}}"
{{- range .Undo}}
{{.}}
{{- end}}
goto :eof
{{- end}}
{{end}}

{{define "files"}}
rem ======== How a package is run, and its files: PKG is the one that is run =
{{- range .Items}}
:files_{{.N}}
{{- range .Files}}
{{.}}
{{- end}}
goto :eof
{{- end}}
{{end}}

{{define "codes"}}
rem ======== What exit codes mean: STATE ===================================
{{- range .CodeTables}}
:codes_{{.N}}
set "STATE=failed"
{{- range .Codes}}
if "%RC%"=="{{.Code}}" set "STATE={{.Result}}"
{{- end}}
goto :eof
{{- end}}
{{end}}
