{{define "item"}}
rem ======== One package ===================================================
:item
set "STATE="
set "RC="
set "CHECK="
set "HERE="
set "PKG="
set "STAGED="
if defined ONLY if /i not "%ONLY%"=="%ID%" goto item_done
set "SEEN=1"
if defined STOP set "STATE=waiting"
if defined STATE goto item_said
rem A service pack that is there already is no reason why it is not for this host.
if not "%WHYNOT%"=="sp" if defined WHYNOT goto item_not
call :have_%N%
set "CHECK="
if defined HERE goto item_there
if defined WHYNOT goto item_not
{{- if .Notes}}
if defined NOTE call :noted
if defined HERE goto item_there
{{- end}}
call :files_%N%
if defined STATE goto item_judge
if defined DRY set "STATE=dry"
if defined STATE goto item_said
call :run
call :codes_%CODES%
:item_judge
rem A package beside which nothing else runs: the rest can only be tried later.
if "%STATE%"=="retry" set "STOP=1618"
if "%STATE%"=="reboot" set "REBOOT=1"
if "%STATE%"=="failed" set "FAILED=1"
if "%STATE%"=="missing" set "FAILED=1"
if "%STATE%"=="bad" set "FAILED=1"
rem 1641: the restart has begun.
if "%RC%"=="1641" set "STOP=3010"
{{- if .Notes}}
if defined NOTE if defined RC call :note
{{- end}}
if defined QCHAIN if defined RC set "RANHOTFIX=1"
if defined BARRIER call :barrier
goto item_said

:item_not
set "STATE=not-applicable"
goto item_said

:item_there
set "STATE=installed"
set "WHYNOT="
{{- if .Notes}}
if defined NOTE set "WHYNOT=noted"
{{- end}}
rem It is there, but was the host restarted since?
if not "%BARRIER%"=="" if "%WAITED%"=="%ID%" call :pending
:item_said
if defined STAGED rd /s /q "%STAGED%" 2>nul
set "LINE=id=%ID% state=%STATE%"
if defined RC set "LINE=%LINE% rc=%RC%"
set "LINE=%LINE% kind=%KIND%"
if defined CHECK set "LINE=%LINE% check=%CHECK%"
if defined WHYNOT set "LINE=%LINE% why=%WHYNOT%"
call :say
if not defined RC set "RC=0"
if not defined DRY call :report_item
:item_done
goto :eof

{{- if .Notes}}

rem Nothing on the host tells of this package: what a run wrote down counts.
:noted
set "KEY=HKLM\SOFTWARE\patchferry\Packages"
set "VALUE=%NOTE%"
call :value
set "VALUE="
if defined KNOWN set "HERE=1"
goto :eof
:note
if "%STATE%"=="ok" goto note_write
if "%STATE%"=="present" goto note_write
if not "%STATE%"=="reboot" goto :eof
:note_write
if not defined REG goto note_old
%REG% add "HKLM\SOFTWARE\patchferry\Packages" /v "%NOTE%" /t REG_SZ /d "%ID%" /f >nul 2>&1
goto :eof
:note_old
if not defined HELPER call :helper
cscript.exe //nologo "%HELPER%" write "HKLM\SOFTWARE\patchferry\Packages\%NOTE%" "%ID%"
goto :eof
{{- end}}

rem What comes after this package needs it active: STOP where it is not yet.
:barrier
if "%STATE%"=="failed" set "STOP=1"
if "%STATE%"=="missing" set "STOP=1"
if "%STATE%"=="bad" set "STOP=1"
if "%STATE%"=="reboot" goto barrier_stop
if not "%STATE%"=="ok" goto :eof
if "%BARRIER%"=="restart" goto barrier_stop
if not defined DETECT goto :eof
set "HERE="
set "CHECKED=%CHECK%"
rem The lists of packages and keys are from before it was run.
set "PACKAGES="
set "KEYLIST="
call :have_%N%
set "CHECK=%CHECKED%"
if defined HERE goto :eof
:barrier_stop
set "STOP=3010"
set "REBOOT=1"
set "VALUE=Waiting"
set "DATA=%ID%"
call :remember
if %MAJOR% LSS 6 call :laststop
if %MAJOR% LSS 6 call :asked
goto :eof

rem The restart that a barrier asked for has not been, where Windows still
rem says so: then the rest waits on.
:pending
set "HERE="
if %MAJOR% LSS 6 goto pending_old
set "KEY=HKLM\SOFTWARE\Microsoft\Windows\CurrentVersion\Component Based Servicing\RebootPending"
call :key
if defined HERE goto pending_stop
goto :eof
rem Before Windows Vista there are only files to be renamed, and some programs
rem ask for that at every start: a shutdown since we asked was the restart.
:pending_old
set "KEY=HKLM\SYSTEM\CurrentControlSet\Control\Session Manager"
set "VALUE=PendingFileRenameOperations"
call :key
if not defined HERE goto :eof
call :laststop
set "KEY=HKLM\SOFTWARE\patchferry\Sets\%SET%"
set "VALUE=LastStop"
call :value
set "VALUE="
if defined LASTSTOP if defined KNOWN if /i not "%GOT%"=="%LASTSTOP%" goto :eof
if not defined DRY call :asked
:pending_stop
set "STATE=reboot"
set "STOP=3010"
set "REBOOT=1"
goto :eof

rem The time of the last shutdown, in hexadecimal digits: LASTSTOP.
:laststop
set "KEY=HKLM\SYSTEM\CurrentControlSet\Control\Windows"
set "VALUE=ShutdownTime"
call :value
set "VALUE="
set "LASTSTOP=%GOT%"
goto :eof
:asked
if not defined LASTSTOP goto :eof
set "VALUE=LastStop"
set "DATA=%LASTSTOP%"
call :remember
goto :eof
{{end}}
