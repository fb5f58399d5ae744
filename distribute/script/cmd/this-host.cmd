@echo off
rem {{.Script}}: finds out what kind of host this is, and installs what the tree
rem has for that kind.
rem
rem   this-host.cmd [/dry] [/log FILE] [/stage DIR] [/only ID] [/base URL or UNC]
rem                 [/report URL or UNC] [/help]
rem
rem All arguments go to the install.cmd of this kind of host, whose exit code is
rem this one's: 0 everything is there, 3010 restart and run this again, 1618
rem another installation runs, 1 something failed.
setlocal enableextensions disabledelayedexpansion
{{template "names" .}}
{{template "arguments" .}}
call :host
if not defined FAMILY goto stranger
set "KIND=%FAMILY%\%ARCH%\%LANG%"
if not defined LANG set "KIND=%FAMILY%\%ARCH%\ALL"
set "INSTALL="
set "FROM="
call :look
if defined INSTALL goto found
if defined LANG set "KIND=%FAMILY%\%ARCH%\ALL"
if defined LANG call :look
if defined INSTALL goto found
echo {{.Script}}: the tree has nothing for %FAMILY% %RELEASE%, %ARCH%, language "%LANG%".
echo Looked in "%SELF%hosts\%FAMILY%\%ARCH%" and at every base.
set "RESULT=1"
goto leave
:stranger
echo {{.Script}}: "%SAID%" (%TYPE%) is no system that this tree knows.
set "RESULT=1"
goto leave
:found
if defined FROM goto run_from
%ComSpec% /d /c ""%INSTALL%" %*"
set "RESULT=%ERRORLEVEL%"
goto leave
:run_from
%ComSpec% /d /c ""%INSTALL%" %* /base "%FROM%""
set "RESULT=%ERRORLEVEL%"
:leave
call :clean
exit /b %RESULT%

rem ======== INSTALL is the install.cmd for KIND, FROM the base that has it ==
:look
set "TRY=%SELF%hosts\%KIND%\install.cmd"
if exist "%TRY%" set "INSTALL=%TRY%"
if defined INSTALL goto :eof
if defined BASE set "FROM=%BASE%"
if defined BASE call :look_from
if defined INSTALL goto :eof
{{- range .Bases}}
set "FROM={{.}}"
call :look_from
if defined INSTALL goto :eof
{{- end}}
set "FROM="
goto :eof

:look_from
if "%FROM:~-1%"=="/" set "FROM=%FROM:~0,-1%"
if "%FROM:~-1%"=="\" set "FROM=%FROM:~0,-1%"
if /i "%FROM:~0,7%"=="http://" goto look_web
if /i "%FROM:~0,8%"=="https://" goto look_web
set "TRY=%FROM%\install\hosts\%KIND%\install.cmd"
if exist "%TRY%" set "INSTALL=%TRY%"
goto :eof

rem A script that came by HTTP is run only if all of it came: its last lines
rem answer to /whole.
:look_web
if not defined WORK call :work
if not exist "%WORK%\" echo {{.Script}} must be run by an administrator, or by the system.
if not exist "%WORK%\" goto :eof
set "URL=%FROM%/install/hosts/%KIND:\=/%/install.cmd"
set "GET_TO=%WORK%\install.cmd"
call :get
if not exist "%GET_TO%" goto :eof
%ComSpec% /d /c ""%GET_TO%" /whole" >nul 2>&1
if "%ERRORLEVEL%"=="77" set "INSTALL=%GET_TO%"
goto :eof
{{template "get" .}}
{{template "registry" .}}
{{template "host" .}}
{{template "work" .}}
