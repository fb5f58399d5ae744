{{define "head" -}}
rem {{.Script}} of {{.Name}}: {{.Title}}
rem It {{.What}} {{.Count}}; generation {{.Generation}}, state root
rem {{.Root}}.
rem
{{- end}}

{{define "names" -}}
set "SET={{.Name}}"
set "RING={{.Ring}}"
set "GENERATION={{.Generation}}"
rem Where this script stands; the packages stand beside it or below TREE.
set "SELF=%~dp0"
for %%g in ("%~dp0{{.Up}}") do set "TREE=%%~fg"
if "%TREE:~-1%"=="\" set "TREE=%TREE:~0,-1%"
rem Nothing counts that the environment happens to have.
for %%g in (DRY LOG STAGE ONLY BASE REPORT ALL SEEN STOP FAILED REBOOT) do set "%%g="
for %%g in (WORK HELPER WAITED FCIV PACKAGES RANHOTFIX NOTADMIN COMMA) do set "%%g="
for %%g in (LOCALCOPY KEYLIST G_OS G_ARCH G_LANG) do set "%%g="
set "G_MINSP=0"
set "G_MAXSP=99"
set "G_MINBUILD=0"
set "G_MAXBUILD=999999"
set "RESULT=0"
{{- end}}

{{define "arguments" -}}
:next_argument
if "%~1"=="" goto arguments_read
{{- range .Flags}}
if /i "%~1"=="/{{.}}" goto argument_{{.}}
{{- end}}
if "%~1"=="/whole" goto whole
if /i "%~1"=="/help" goto usage
if "%~1"=="/?" goto usage
echo {{.Script}}: there is no argument "%~1"; see {{.Script}} /help
exit /b 1
{{- range .Flags}}
:argument_{{.}}
{{- if eq . "dry"}}
set "DRY=1"
shift
goto next_argument
{{- else if eq . "all"}}
set "ALL=1"
shift
goto next_argument
{{- else}}
if "%~2"=="" goto argument_empty
set "{{upper .}}=%~2"
shift
shift
goto next_argument
{{- end}}
{{- end}}
:argument_empty
echo {{.Script}}: "%~1" needs a value; see {{.Script}} /help
exit /b 1
:usage
{{- range .Usage}}
echo {{.}}
{{- end}}
exit /b 0
:arguments_read
{{- end}}
