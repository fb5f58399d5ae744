@echo off
{{template "head" .}}
rem   validate.cmd [/log FILE] [/only ID] [/help]
rem
rem Exit: 0 everything is as it should be, 1 something is missing or was
rem replaced. It changes nothing, and needs no administrator.
setlocal enableextensions disabledelayedexpansion
{{template "names" .}}
{{template "arguments" .}}
call :host
call :begin
call :all_items
call :end
call :clean
exit /b %RESULT%

{{- range .Parts}}

rem ======== The packages, in order =======================================
{{- template "main" .}}

rem ======== One package ===================================================
:item
if defined ONLY if /i not "%ONLY%"=="%ID%" goto item_done
set "SEEN=1"
set "STATE=not-applicable"
set "CHECK="
rem A service pack that is there already is no reason why it is not for this host.
if not "%WHYNOT%"=="sp" if defined WHYNOT goto item_said
set "HERE="
set "FITS=1"
set "FILES="
call :have_%N%
if defined HERE set "WHYNOT="
if defined WHYNOT goto item_said
set "STATE=unknown"
if not defined DETECT goto item_said
call :fits_%N%
rem A trace, and every file as it was left or later: installed. A trace, and a
rem file that is older or another: something replaced it since.
set "STATE=missing"
if defined HERE set "STATE=installed"
if defined FILES if defined FITS set "STATE=installed"
if defined HERE if not defined FITS set "STATE=replaced"
if "%STATE%"=="missing" set "FAILED=1"
if "%STATE%"=="replaced" set "FAILED=1"
:item_said
set "LINE=id=%ID% state=%STATE% kind=%KIND%"
if defined CHECK set "LINE=%LINE% check=%CHECK%"
if defined WHYNOT set "LINE=%LINE% why=%WHYNOT%"
call :say
:item_done
goto :eof

{{template "log" .}}
{{template "have" .}}
{{template "fits" .}}
{{template "detect" .}}
{{template "registry" .}}
{{- if .Versions}}
{{template "digest" .}}
{{- end}}
{{- end}}

rem ======== Before the first package, and after the last ==================
:begin
if not defined FAMILY set "FAMILY=unknown"
for %%g in (fciv.exe) do set "FCIV=%%~$PATH:g"
if exist "%TREE%\install\fciv.exe" set "FCIV=%TREE%\install\fciv.exe"
if exist "%SELF%fciv.exe" set "FCIV=%SELF%fciv.exe"
call :gates
{{- if .Listed}}
call :keys
{{- end}}
goto :eof

:end
if defined FAILED set "RESULT=1"
if not defined ONLY goto end_said
if not defined SEEN echo {{.Script}}: there is no package "%ONLY%" in this set
if not defined SEEN set "RESULT=1"
:end_said
set "LINE=end set=%SET% rc=%RESULT%"
call :say
goto :eof
{{template "gates" .}}
{{template "gate" .}}
{{template "host" .}}
{{template "work" .}}
