@echo off
{{template "head" .}}
rem   rollback.cmd /only ID [/dry] [/log FILE] [/stage DIR] [/base URL or UNC]
rem   rollback.cmd /all ...
rem
rem Exit: 0 done, 3010 restart, 1618 another installation runs, 1 something
rem failed or cannot be taken off. It never restarts the machine.
setlocal enableextensions disabledelayedexpansion
{{template "names" .}}
{{template "arguments" .}}
if defined ONLY goto wanted
if defined ALL goto wanted
echo Say which package: /only ID, or /all for all of them, the last first. There are:
{{- range .Items}}
echo   {{.ID}}
{{- end}}
exit /b 1
:wanted
{{- template "local" .}}
call :host
call :begin
if not "%RESULT%"=="0" goto leave
call :all_items
call :end
:leave
call :clean
exit /b %RESULT%

{{- range .Parts}}

rem ======== The packages, the last first =================================
{{- template "main" .}}

rem ======== One package ===================================================
:item
set "STATE="
set "RC="
set "CHECK="
set "HERE="
set "PKG="
set "STAGED="
set "CAN="
if defined ONLY if /i not "%ONLY%"=="%ID%" goto item_done
set "SEEN=1"
if defined STOP set "STATE=waiting"
if defined STATE goto item_said
rem A service pack that is there can be taken off.
if not "%WHYNOT%"=="sp" if defined WHYNOT set "STATE=not-applicable"
if defined STATE goto item_said
if defined DETECT call :have_%N%
if defined HERE set "WHYNOT="
if not defined WHYNOT if defined DETECT if not defined HERE set "WHYNOT=absent"
if defined WHYNOT set "STATE=not-applicable"
if defined STATE goto item_said
rem What was asked before is no condition of this.
set "KEY="
call :undo_%N%
if not defined CAN set "WHYNOT=stays"
if not defined CAN set "STATE=failed"
if defined STATE goto item_judge
if defined DRY set "STATE=dry"
if defined STATE goto item_said
start "" /wait "%PROGRAM%" %UNDO%
set "RC=%ERRORLEVEL%"
call :codes_%CODES%
:item_judge
if "%STATE%"=="retry" set "STOP=1618"
if "%STATE%"=="reboot" set "REBOOT=1"
if "%STATE%"=="failed" set "FAILED=1"
if "%RC%"=="1641" set "STOP=3010"
rem What a service pack brought is gone only after the restart.
if defined BARRIER if "%STATE%"=="reboot" set "STOP=3010"
:item_said
if defined STAGED rd /s /q "%STAGED%" 2>nul
set "LINE=id=%ID% state=%STATE%"
if defined RC set "LINE=%LINE% rc=%RC%"
set "LINE=%LINE% kind=%KIND%"
if defined WHYNOT set "LINE=%LINE% why=%WHYNOT%"
call :say
:item_done
goto :eof

{{template "log" .}}
{{template "have" .}}
{{template "undo" .}}

rem Is PROGRAM there (and KEY, where one is named)? Then CAN=1. A program of
rem Windows is one of its own word length.
:removes
if not defined KEY goto removes_program
set "HERE="
call :key
set "KEY="
if not defined HERE goto :eof
:removes_program
set "FOUND="
if exist "%PROGRAM%" set "FOUND=%PROGRAM%"
if defined FOUND goto removes_found
for %%g in ("%PROGRAM%") do set "BARE=%%~nxg"
if not "%BARE%"=="%PROGRAM%" goto :eof
if defined NATIVE if exist "%NATIVE%%PROGRAM%" set "FOUND=%NATIVE%%PROGRAM%"
if defined FOUND goto removes_found
for %%g in ("%PROGRAM%") do set "FOUND=%%~$PATH:g"
:removes_found
if not defined FOUND goto :eof
set "PROGRAM=%FOUND%"
set "CAN=1"
goto :eof

rem The package takes itself off.
:removes_itself
if not defined KEY goto removes_package
set "HERE="
call :key
set "KEY="
if not defined HERE goto :eof
:removes_package
call :files_%N%
if not defined PKG echo The package is needed to take %ID% off, and is not to be had: %STATE%.
set "STATE="
if not defined PKG goto :eof
set "PROGRAM=%PKG%"
set "CAN=1"
goto :eof
{{template "detect" .}}
{{template "registry" .}}
{{template "files" .}}
{{template "codes" .}}
{{template "package" .}}
{{template "download" .}}
{{template "get" .}}
{{template "digest" .}}
{{- end}}
{{template "begin" .}}
{{template "gates" .}}
{{template "gate" .}}
{{template "end" .}}
{{template "host" .}}
{{template "work" .}}
