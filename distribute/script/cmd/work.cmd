{{define "work"}}
rem ======== A folder for this run alone ===================================
rem Below %SystemRoot% only administrators write; a run that changes nothing
rem takes the temporary folder of its user.
:work
if defined WORK goto :eof
set "WORK=%TEMP%\patchferry-%RANDOM%-%RANDOM%"
{{- if .Writes}}
if not defined DRY set "WORK=%SystemRoot%\patchferry\work-%RANDOM%-%RANDOM%"
{{- end}}
if exist "%WORK%" set "WORK=%WORK%-%RANDOM%"
md "%WORK%" 2>nul
goto :eof

:clean
if not defined WORK goto :eof
if exist "%WORK%\" rd /s /q "%WORK%"
set "WORK="
goto :eof

rem A few lines of VBScript for what no command can do on every system.
:helper
if defined HELPER goto :eof
if not defined WORK call :work
set "HELPER=%WORK%\helper.vbs"
{{- range .Helper}}
>>"%HELPER%" {{.}}
{{- end}}
goto :eof
{{end}}
