{{define "begin"}}
rem ======== Before the first package ======================================
:begin
if not "%MAJOR%"=="0" goto begin_known
echo This system cannot be told from "%SAID%".
set "RESULT=1"
goto :eof
:begin_known
if defined DRY goto begin_log
rem Only administrators read the system's own hive, and write below %SystemRoot%.
if not exist "%SYS%\cacls.exe" goto begin_folder
"%SYS%\cacls.exe" "%SystemRoot%\system32\config\system" >nul 2>&1
if not "%ERRORLEVEL%"=="0" set "NOTADMIN=1"
:begin_folder
if not defined NOTADMIN if not exist "%SystemRoot%\patchferry\" md "%SystemRoot%\patchferry" 2>nul
if not defined NOTADMIN if not defined WORK call :work
if not defined NOTADMIN if exist "%WORK%\" goto begin_log
echo {{.Script}} must be run by an administrator, or by the system.
set "RESULT=1"
goto :eof
:begin_log
if not defined LOG if not defined DRY set "LOG=%SystemRoot%\Temp\patchferry\%SET%.log"
if not defined LOG goto begin_stage
for %%g in ("%LOG%") do set "LOG=%%~fg"
for %%g in ("%LOG%") do set "LOGDIR=%%~dpg"
if not exist "%LOGDIR%" md "%LOGDIR%" 2>nul
:begin_stage
if defined STAGE for %%g in ("%STAGE%") do set "STAGE=%%~fg"
if defined STAGE set "LOCALCOPY=1"
if not defined STAGE set "STAGE=%SystemRoot%\patchferry\stage"
if "%STAGE:~-1%"=="\" set "STAGE=%STAGE:~0,-1%"
rem What the last run waits for, if the host was not restarted since.
set "KEY=HKLM\SOFTWARE\patchferry\Sets\%SET%"
set "VALUE=Waiting"
call :value
set "WAITED=%GOT%"
set "VALUE="
rem The checker of Windows 2000 to 2003, where somebody put it.
for %%g in (fciv.exe) do set "FCIV=%%~$PATH:g"
if exist "%TREE%\install\fciv.exe" set "FCIV=%TREE%\install\fciv.exe"
if exist "%SELF%fciv.exe" set "FCIV=%SELF%fciv.exe"
if not defined FAMILY set "FAMILY=unknown"
call :gates
{{- if .Listed}}
call :keys
{{- end}}
set "LINE=begin set=%SET% generation=%GENERATION% os=%FAMILY% release=%RELEASE% build=%VERSION% arch=%ARCH% lang=%LANG%"
call :say
goto :eof
{{end}}
