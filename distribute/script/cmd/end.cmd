{{define "end"}}
rem ======== After the last package ========================================
:end
set "RESULT=0"
if defined REBOOT set "RESULT=3010"
if defined FAILED set "RESULT=1"
if "%STOP%"=="1618" set "RESULT=1618"
if not defined ONLY goto end_seen
if not defined SEEN echo {{.Script}}: there is no package "%ONLY%" in this set
if not defined SEEN set "RESULT=1"
:end_seen
if defined DRY goto end_said
if not defined STOP set "VALUE=Waiting"
if not defined STOP set "DATA=-"
if not defined STOP call :remember
if defined ONLY goto end_report
set "VALUE=Generation"
set "DATA=%GENERATION%"
call :remember
set "VALUE=Result"
set "DATA=%RESULT%"
call :remember
:end_report
{{- if .Reports}}
if defined REPORT call :report
{{- end}}
:end_said
if defined REBOOT echo A restart is needed; run this again after it.
set "LINE=end set=%SET% rc=%RESULT%"
call :say
goto :eof
{{end}}
