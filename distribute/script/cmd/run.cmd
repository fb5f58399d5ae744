{{define "run"}}
rem ======== Run it: RC ====================================================
:run
set "LOGFILE=%LOGDIR%%SET%-%ID%.log"
goto run_%ENGINE%
{{- if .Engines.self}}

rem A program of windows is not waited for without start /wait.
:run_self
if not defined LOGARG goto run_self_plain
start "" /wait "%PKG%" %ARGS% %LOGARG%"%LOGFILE%"
set "RC=%ERRORLEVEL%"
goto :eof
:run_self_plain
start "" /wait "%PKG%" %ARGS%
set "RC=%ERRORLEVEL%"
goto :eof
{{- end}}
{{- if .Engines.msi}}

:run_msi
if not defined LOGARG goto run_msi_plain
start "" /wait %NATIVE%msiexec.exe /i "%PKG%" %ARGS% %LOGARG%"%LOGFILE%"
set "RC=%ERRORLEVEL%"
goto :eof
:run_msi_plain
start "" /wait %NATIVE%msiexec.exe /i "%PKG%" %ARGS%
set "RC=%ERRORLEVEL%"
goto :eof
{{- end}}
{{- if .Engines.msp}}

:run_msp
if not defined LOGARG goto run_msp_plain
start "" /wait %NATIVE%msiexec.exe /p "%PKG%" %ARGS% %LOGARG%"%LOGFILE%"
set "RC=%ERRORLEVEL%"
goto :eof
:run_msp_plain
start "" /wait %NATIVE%msiexec.exe /p "%PKG%" %ARGS%
set "RC=%ERRORLEVEL%"
goto :eof
{{- end}}
{{- if .Engines.wusa}}

:run_wusa
if not defined LOGARG goto run_wusa_plain
start "" /wait %NATIVE%wusa.exe "%PKG%" %ARGS% %LOGARG%"%LOGFILE%"
set "RC=%ERRORLEVEL%"
goto :eof
:run_wusa_plain
start "" /wait %NATIVE%wusa.exe "%PKG%" %ARGS%
set "RC=%ERRORLEVEL%"
goto :eof
{{- end}}
{{- if .Engines.dism}}

rem Of several files DISM is given the target alone; it finds the others beside it.
:run_dism
if not defined LOGARG goto run_dism_plain
%NATIVE%dism.exe /Online /Add-Package /PackagePath:"%PKG%" %ARGS% %LOGARG%"%LOGFILE%" >nul
set "RC=%ERRORLEVEL%"
goto :eof
:run_dism_plain
%NATIVE%dism.exe /Online /Add-Package /PackagePath:"%PKG%" %ARGS% >nul
set "RC=%ERRORLEVEL%"
goto :eof
{{- end}}
{{- if .Engines.pnputil}}

rem One INF a call: of several the code says nothing. A cabinet is unpacked first.
:run_pnputil
set "RC=259"
if /i "%PKG:~-4%"==".inf" goto run_inf
md "%STAGED%\unpacked" 2>nul
%NATIVE%expand.exe "%PKG%" -F:* "%STAGED%\unpacked" >nul
for /r "%STAGED%\unpacked" %%g in (*.inf) do call :run_one_inf "%%g"
goto :eof
:run_inf
call :run_one_inf "%PKG%"
goto :eof
:run_one_inf
if %BUILD% LSS 14393 goto run_old_inf
%NATIVE%pnputil.exe /add-driver "%~1" %ARGS% >nul
set "GAVE=%ERRORLEVEL%"
goto run_inf_gave
:run_old_inf
%NATIVE%pnputil.exe -i -a "%~1" >nul
set "GAVE=%ERRORLEVEL%"
rem Of several drivers the worst counts: an error, then a restart, then success.
:run_inf_gave
if "%GAVE%"=="259" goto :eof
if "%GAVE%"=="0" if not "%RC%"=="259" goto :eof
if not "%RC%"=="259" if not "%RC%"=="0" if not "%RC%"=="3010" goto :eof
set "RC=%GAVE%"
goto :eof
{{- end}}
{{end}}

{{define "qchain"}}
rem ======== QChain ========================================================
rem Hotfix.exe does not look at versions: after several of its packages QChain
rem puts the newest file of each name in order, before the restart.
:qchain
if not defined RANHOTFIX goto :eof
set "QEXE="
for %%g in (qchain.exe) do set "QEXE=%%~$PATH:g"
if exist "%TREE%\install\qchain.exe" set "QEXE=%TREE%\install\qchain.exe"
if exist "%SELF%qchain.exe" set "QEXE=%SELF%qchain.exe"
if defined QEXE goto qchain_run
set "LINE=id=QChain state=missing"
call :say
echo qchain.exe is neither beside this script nor in PATH: restart after each of several old hotfixes.
goto :eof
:qchain_run
start "" /wait "%QEXE%" "%LOGDIR%%SET%-QChain.log"
set "RC=%ERRORLEVEL%"
set "STATE=ok"
if not "%RC%"=="0" set "STATE=failed"
if not "%RC%"=="0" set "FAILED=1"
set "LINE=id=QChain state=%STATE% rc=%RC% kind=qchain.exe"
call :say
goto :eof
{{end}}
