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
rem Where this script stands.
set "ME=%~f0"
set "SELF=%~dp0"
rem Nothing counts that the environment happens to have.
for %%g in (DRY LOG STAGE ONLY BASE REPORT ALL SEEN STOP FAILED REBOOT) do set "%%g="
for %%g in (WORK HELPER WAITED FCIV PACKAGES RANHOTFIX NOTADMIN COMMA) do set "%%g="
for %%g in (LOCAL LOCALCOPY KEYLIST G_OS G_ARCH G_LANG) do set "%%g="
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
{{- if .Writes}}
if "%~1"=="/whole" goto whole
if "%~1"=="/from" goto argument_from
{{- end}}
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
{{- if .Writes}}
:argument_from
set "SELF=%~2"
set "LOCAL=1"
shift
shift
goto next_argument
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
rem The packages stand beside this script, or below TREE.
for %%g in ("%SELF%{{.Up}}") do set "TREE=%%~fg"
if "%TREE:~-1%"=="\" set "TREE=%TREE:~0,-1%"
{{- end}}

{{define "local"}}
rem Go on in a copy on this machine: the tree may change meanwhile, and cmd reads
rem a script again and again. A script that is named without call never returns.
if defined LOCAL goto here
if defined DRY goto here
set "COPY=%SystemRoot%\patchferry\%SET%-{{.Script}}"
if /i "%COPY%"=="%ME%" goto here
if not exist "%SystemRoot%\patchferry\" md "%SystemRoot%\patchferry" 2>nul
copy /y "%ME%" "%COPY%" >nul 2>&1
if not "%ERRORLEVEL%"=="0" goto here
"%COPY%" %* /from "%SELF%"
:here
{{- end}}
