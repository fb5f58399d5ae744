@echo off
rem rollback.cmd of host-windows2000-x86-EN: Windows 2000, x86, English
rem It takes off 7 packages; generation 12, state root
rem abcd000000000000000000000000000000000000000000000000000000000000.
rem
rem   rollback.cmd /only ID [/dry] [/log FILE] [/stage DIR] [/base URL or UNC]
rem   rollback.cmd /all ...
rem
rem Exit: 0 done, 3010 restart, 1618 another installation runs, 1 something
rem failed or cannot be taken off. It never restarts the machine.
setlocal enableextensions disabledelayedexpansion
set "SET=host-windows2000-x86-EN"
set "RING=production"
set "GENERATION=12"
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
:next_argument
if "%~1"=="" goto arguments_read
if /i "%~1"=="/dry" goto argument_dry
if /i "%~1"=="/log" goto argument_log
if /i "%~1"=="/stage" goto argument_stage
if /i "%~1"=="/only" goto argument_only
if /i "%~1"=="/all" goto argument_all
if /i "%~1"=="/base" goto argument_base
if "%~1"=="/whole" goto whole
if "%~1"=="/from" goto argument_from
if /i "%~1"=="/help" goto usage
if "%~1"=="/?" goto usage
echo rollback.cmd: there is no argument "%~1"; see rollback.cmd /help
exit /b 1
:argument_dry
set "DRY=1"
shift
goto next_argument
:argument_log
if "%~2"=="" goto argument_empty
set "LOG=%~2"
shift
shift
goto next_argument
:argument_stage
if "%~2"=="" goto argument_empty
set "STAGE=%~2"
shift
shift
goto next_argument
:argument_only
if "%~2"=="" goto argument_empty
set "ONLY=%~2"
shift
shift
goto next_argument
:argument_all
set "ALL=1"
shift
goto next_argument
:argument_base
if "%~2"=="" goto argument_empty
set "BASE=%~2"
shift
shift
goto next_argument
:argument_from
set "SELF=%~2"
set "LOCAL=1"
shift
shift
goto next_argument
:argument_empty
echo rollback.cmd: "%~1" needs a value; see rollback.cmd /help
exit /b 1
:usage
echo rollback.cmd takes:
echo   /dry               say what would be done, start nothing and change nothing
echo   /log FILE          add to this log, in place of the one below Temp of Windows
echo   /stage DIR         copy packages here first, check them here and run them from here
echo   /only ID           this package alone, as KB824146
echo   /all               all packages, the last first
echo   /base ADDRESS      where the tree is, if not above this script: a URL or a UNC path
echo   /help              this
echo Exit: 0 done, 3010 restart, 1618 another installation runs, 1 something failed or stays.
exit /b 0
:arguments_read
rem The packages stand beside this script, or below TREE.
for %%g in ("%SELF%..\..\..\..\..") do set "TREE=%%~fg"
if "%TREE:~-1%"=="\" set "TREE=%TREE:~0,-1%"
if defined ONLY goto wanted
if defined ALL goto wanted
echo Say which package: /only ID, or /all for all of them, the last first. There are:
echo   Intel-Net
echo   KB5043080
echo   KB4490628
echo   KB900001
echo   Viewer
echo   Q318202
echo   W2KSP4
exit /b 1
:wanted
rem Go on in a copy on this machine: the tree may change meanwhile, and cmd reads
rem a script again and again. A script that is named without call never returns.
if defined LOCAL goto here
if defined DRY goto here
set "COPY=%SystemRoot%\patchferry\%SET%-rollback.cmd"
if /i "%COPY%"=="%ME%" goto here
if not exist "%SystemRoot%\patchferry\" md "%SystemRoot%\patchferry" 2>nul
copy /y "%ME%" "%COPY%" >nul 2>&1
if not "%ERRORLEVEL%"=="0" goto here
"%COPY%" %* /from "%SELF%"
:here
call :host
call :begin
if not "%RESULT%"=="0" goto leave
call :all_items
call :end
:leave
call :clean
exit /b %RESULT%

rem ======== The packages, the last first =================================
:all_items

rem 70. Intel-Net: Update Intel-Net (100_ _ more)
set "ID=Intel-Net"
set "N=7"
set "KIND=driver.inf"
set "BARRIER="
set "DETECT="
set "WHYNOT=%GATE_2%"
call :item

rem 60. KB5043080: Update KB5043080 (100_ _ more)
set "ID=KB5043080"
set "N=6"
set "KIND=msu"
set "BARRIER="
set "DETECT=1"
set "WHYNOT=%GATE_3%"
call :item

rem 50. KB4490628: Update KB4490628 (100_ _ more)
set "ID=KB4490628"
set "N=5"
set "KIND=msu"
set "BARRIER="
set "BARRIER=restart"
set "DETECT=1"
set "WHYNOT=%GATE_3%"
call :item

rem 40. KB900001: Update KB900001 (100_ _ more)
set "ID=KB900001"
set "N=4"
set "KIND=msp"
set "BARRIER="
set "DETECT=1"
set "WHYNOT=%GATE_2%"
call :item

rem 30. Viewer: Update Viewer (100_ _ more)
set "ID=Viewer"
set "N=3"
set "KIND=msi"
set "BARRIER="
set "DETECT=1"
set "WHYNOT=%GATE_2%"
call :item

rem 20. Q318202: Update Q318202 (100_ _ more)
set "ID=Q318202"
set "N=2"
set "KIND=hotfix.exe"
set "BARRIER="
set "DETECT=1"
set "WHYNOT=%GATE_1%"
call :item

rem 10. W2KSP4: Update W2KSP4 (100_ _ more)
set "ID=W2KSP4"
set "N=1"
set "KIND=service-pack"
set "BARRIER="
set "BARRIER=after"
set "DETECT=1"
set "WHYNOT=%GATE_1%"
call :item
goto :eof


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


rem ======== The log =======================================================
rem Print LINE, and add it to the log. It holds nothing but words of ours.
:say
echo %LINE%
if not defined LOG goto :eof
>>"%LOG%" echo %DATE% %TIME% %LINE%
goto :eof


rem ======== What tells that a package is there: HERE=1 ====================
:have_7
goto :eof
:have_6
set "PACK=KB5043080"
if not defined HERE call :pack
goto :eof
:have_5
set "PACK=KB4490628"
if not defined HERE call :pack
goto :eof
:have_4
set "KEY=HKLM\SOFTWARE\Classes\Installer\Patches\87654321CBA90FED21436587A9CBED0F"
if not defined HERE call :key
goto :eof
:have_3
set "KEY=HKLM\SOFTWARE\Classes\Installer\Products\87654321CBA90FED21436587A9CBED0F"
if not defined HERE call :key
set "KEY=HKLM\SOFTWARE\Microsoft\Windows\CurrentVersion\Uninstall\{12345678-9ABC-DEF0-1234-56789ABCDEF0}"
if not defined HERE call :key
set "KEY=HKLM\SOFTWARE\Wow6432Node\Microsoft\Windows\CurrentVersion\Uninstall\{12345678-9ABC-DEF0-1234-56789ABCDEF0}"
if not defined HERE call :key
goto :eof
:have_2
if exist "%SystemRoot%\$NtUninstallQ318202$\" set "HERE=1"
set "KEY=HKLM\SOFTWARE\Microsoft\Windows NT\CurrentVersion\Hotfix\Q318202"
set "VALUE=Fix Description"
set "DATA=Windows 2000 Hotfix"
if not defined HERE if defined KEY_Q318202 call :key
if not defined HERE if not defined KEYLIST call :key
set "VALUE="
set "DATA="
goto :eof
:have_1
if %SP% GEQ 4 set "HERE=1"
goto :eof


rem ======== What takes it off: CAN=1, PROGRAM and UNDO, its arguments ====================
:undo_7
set "CODES=4"
echo Intel-Net stays: nothing that takes it off is there
goto :eof
:undo_6
set "CODES=3"
set "UNDO=/uninstall /kb:5043080 /quiet /norestart"
set "PROGRAM=wusa.exe"
call :removes
if defined CAN goto :eof
echo KB5043080 stays: nothing that takes it off is there
goto :eof
:undo_5
set "CODES=2"
echo KB4490628 stays: a servicing stack update cannot be removed
goto :eof
:undo_4
set "CODES=1"
echo KB900001 stays: the products that it is for are not known
goto :eof
:undo_3
set "CODES=1"
set "UNDO=/x {12345678-9ABC-DEF0-1234-56789ABCDEF0} /qn /norestart"
set "KEY=HKLM\SOFTWARE\Classes\Installer\Patches\00"
set "PROGRAM=msiexec.exe"
call :removes
if defined CAN goto :eof
echo Viewer stays: nothing that takes it off is there
goto :eof
:undo_2
set "CODES=1"
set "UNDO=-u -q -z"
set "PROGRAM=%SystemRoot%\$NtUninstallQ318202$\spuninst\spuninst.exe"
call :removes
if defined CAN goto :eof
set "UNDO=-y -m -q -z"
call :removes_itself
if defined CAN goto :eof
echo Q318202 stays: nothing that takes it off is there
goto :eof
:undo_1
set "CODES=1"
set "UNDO=-u -q -z"
set "PROGRAM=%SystemRoot%\$NtServicePackUninstall$\spuninst\spuninst.exe"
call :removes
if defined CAN goto :eof
echo W2KSP4 stays: nothing that takes it off is there
goto :eof


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


rem ======== Packages of Windows ==========================================
rem Is PACK in the list of packages of Windows, installed? Then HERE=1.
:pack
if not defined PACKAGES call :pack_list
for /f "usebackq" %%g in ("%PACKAGES%") do if /i "%%g"=="%PACK%" set "HERE=1"
goto :eof

rem The list is made once: installed packages of the servicing stack, then what
rem Win32_QuickFixEngineering knows.
:pack_list
if not defined WORK call :work
set "PACKAGES=%WORK%\packages.txt"
>"%PACKAGES%" echo -
if not defined REG goto pack_fixes
set "KEY=HKLM\SOFTWARE\Microsoft\Windows\CurrentVersion\Component Based Servicing\Packages"
for /f "tokens=1,* delims=~" %%g in ('%REG% query "%KEY%" 2^>nul ^| %SYS%\find.exe "Package_for_KB"') do call :pack_state "%%g" "%%h"
:pack_fixes
if not defined HELPER call :helper
set "PACKED="
>"%WORK%\fixes.txt" cscript.exe //nologo "%HELPER%" fixes
for /f "usebackq" %%g in ("%WORK%\fixes.txt") do set "PACKED=1"
if not defined PACKED if exist "%SYS%\WindowsPowerShell\v1.0\powershell.exe" call :pack_powershell
>>"%PACKAGES%" type "%WORK%\fixes.txt"
set "VALUE="
goto :eof
:pack_powershell
>"%WORK%\fixes.txt" "%SYS%\WindowsPowerShell\v1.0\powershell.exe" -NoProfile -Command "Get-WmiObject Win32_QuickFixEngineering | ForEach-Object { $_.HotFixID }" <nul
goto :eof

rem Of Package_for_KB123456 the state counts: from superseded (0x50) on it is there.
:pack_state
for %%g in ("%~1") do set "PACKED=%%~nxg"
set "KEY=%~1~%~2"
set "VALUE=CurrentState"
call :value
if not defined GOT goto :eof
set /a "GOT=%GOT%"
if %GOT% GEQ 80 >>"%PACKAGES%" echo %PACKED:~12%
goto :eof

rem ======== Files that are installed =======================================
rem Is INSTALLED there in version ATLEAST or a later one, and if in that one or
rem in none, with the digest that is given? Else FITS is empty.
:there
if not exist "%INSTALLED%" set "FITS="
if not defined FITS goto there_done
set "SAME=1"
if defined ATLEAST call :compare
if not defined FITS goto there_done
if not defined SAME goto there_done
if not defined SIZE goto there_digest
for %%g in ("%INSTALLED%") do if not "%%~zg"=="%SIZE%" set "FITS="
:there_digest
set "TRY=%INSTALLED%"
set "WRONG="
call :digest
if defined WRONG set "FITS="
:there_done
for %%g in (INSTALLED ATLEAST SIZE SHA256 SHA1 MD5) do set "%%g="
goto :eof

rem The version of INSTALLED against ATLEAST, number by number.
:compare
if not defined HELPER call :helper
set "FOUND="
for /f "delims=" %%g in ('cscript.exe //nologo "%HELPER%" version "%INSTALLED%" 2^>nul') do set "FOUND=%%g"
if not defined FOUND if exist "%SYS%\WindowsPowerShell\v1.0\powershell.exe" call :compare_powershell
if not defined FOUND set "FITS="
if not defined FOUND goto :eof
set "FOUND=%FOUND%.0.0.0"
for /f "tokens=1-4 delims=." %%g in ("%FOUND%") do call :compare_left %%g %%h %%i %%j
for /f "tokens=1-4 delims=." %%g in ("%ATLEAST%") do call :compare_right %%g %%h %%i %%j
if %L1% GTR %R1% goto compare_later
if %L1% LSS %R1% goto compare_earlier
if %L2% GTR %R2% goto compare_later
if %L2% LSS %R2% goto compare_earlier
if %L3% GTR %R3% goto compare_later
if %L3% LSS %R3% goto compare_earlier
if %L4% GTR %R4% goto compare_later
if %L4% LSS %R4% goto compare_earlier
goto :eof
:compare_later
set "SAME="
goto :eof
:compare_earlier
set "FITS="
goto :eof
:compare_left
set "L1=%1"
set "L2=%2"
set "L3=%3"
set "L4=%4"
goto :eof
:compare_right
set "R1=%1"
set "R2=%2"
set "R3=%3"
set "R4=%4"
goto :eof
:compare_powershell
for /f "delims=" %%g in ('%SYS%\WindowsPowerShell\v1.0\powershell.exe -NoProfile -Command "$v = [Diagnostics.FileVersionInfo]::GetVersionInfo($env:INSTALLED); ($v.FileMajorPart, $v.FileMinorPart, $v.FileBuildPart, $v.FilePrivatePart) -join [char]46"') do set "FOUND=%%g"
goto :eof


rem ======== The registry ==================================================
rem Is KEY there (with VALUE, with DATA in it)? Then HERE=1.
:key
if defined VALUE goto key_value
if not defined REG goto key_old
%REG% query "%KEY%" >nul 2>&1
if "%ERRORLEVEL%"=="0" set "HERE=1"
goto key_done
:key_old
if not defined WORK call :work
if exist "%WORK%\key.reg" del "%WORK%\key.reg"
set "LONG=%KEY:HKLM\=HKEY_LOCAL_MACHINE\%"
set "LONG=%LONG:HKCR\=HKEY_CLASSES_ROOT\%"
start "" /wait regedit.exe /e "%WORK%\key.reg" "%LONG%"
if exist "%WORK%\key.reg" set "HERE=1"
goto key_done
:key_value
if defined DATA goto key_data
rem What it holds may be longer than a line of this script may be.
if not defined REG goto key_value_old
%REG% query "%KEY%" /v "%VALUE%" >nul 2>&1
if "%ERRORLEVEL%"=="0" set "HERE=1"
goto key_done
:key_value_old
if not defined HELPER call :helper
for /f %%g in ('cscript.exe //nologo "%HELPER%" has "%KEY%\%VALUE%"') do set "HERE=1"
goto key_done
:key_data
call :value
if defined KNOWN if /i "%GOT%"=="%DATA%" set "HERE=1"
:key_done
set "VALUE="
set "DATA="
goto :eof

rem What does VALUE of KEY hold? GOT is it, KNOWN=1 where it is there.
:value
set "GOT="
set "KNOWN="
if not defined REG goto value_old
rem A line is name, type and data; the type is word NAMED of it.
set "NAMED=1"
for %%g in ("%VALUE: =" "%") do if not "%%~g"=="" set /a "NAMED+=1"
for /f "tokens=%NAMED%*" %%g in ('%REG% query "%KEY%" /v "%VALUE%" 2^>nul') do for %%i in (REG_SZ REG_DWORD REG_EXPAND_SZ REG_MULTI_SZ REG_QWORD REG_BINARY) do if "%%g"=="%%i" set "KNOWN=.%%h"
if defined KNOWN set "GOT=%KNOWN:~1%"
goto :eof
:value_old
if not defined HELPER call :helper
for /f "delims=" %%g in ('cscript.exe //nologo "%HELPER%" read "%KEY%\%VALUE%"') do set "GOT=%%g"
if defined GOT set "KNOWN=1"
goto :eof

rem What the Hotfix and Updates keys hold, asked once: KEY_KB123456 is set where
rem one is called so. Without reg.exe every key is asked for by itself.
:keys
if not defined REG goto :eof
set "KEYLIST=1"
for /f "tokens=1* delims=\" %%g in ('%REG% query "HKLM\SOFTWARE\Microsoft\Windows NT\CurrentVersion\Hotfix" 2^>nul') do if "%%g"=="HKEY_LOCAL_MACHINE" set "KEY_%%~nxh=1"
for /f "tokens=1* delims=\" %%g in ('%REG% query "HKLM\SOFTWARE\Microsoft\Updates" /s 2^>nul') do if "%%g"=="HKEY_LOCAL_MACHINE" set "KEY_%%~nxh=1"
goto :eof

rem Write DATA to VALUE of our own key.
:remember
if not defined REG goto remember_old
%REG% add "HKLM\SOFTWARE\patchferry\Sets\%SET%" /v "%VALUE%" /t REG_SZ /d "%DATA%" /f >nul 2>&1
goto remember_done
:remember_old
if not defined HELPER call :helper
cscript.exe //nologo "%HELPER%" write "HKLM\SOFTWARE\patchferry\Sets\%SET%\%VALUE%" "%DATA%"
:remember_done
set "VALUE="
set "DATA="
goto :eof


rem ======== How a package is run, and its files: PKG is the one that is run =
:files_7
set "ENGINE=pnputil"
set "ARGS=/install"
set "LOGARG="
set "CODES=4"
set "QCHAIN="
set "LOCALONLY="
set "FILE=Software\EN\com_microsoft.windows2000\x86win2k\Intel-Net\e1000.inf"
set "NAME=e1000.inf"
set "WEB=Software/EN/com_microsoft.windows2000/x86win2k/Intel-Net/e1000.inf"
set "SIZE=917040"
set "SHA256=4600000000000000000000000000000000000000000000000000000000000000"
set "SHA1="
set "MD5="
call :file
goto :eof
:files_6
set "ENGINE=dism"
set "ARGS=/Quiet /NoRestart"
set "LOGARG=/LogPath:"
set "CODES=3"
set "QCHAIN="
set "LOCALONLY=1"
set "FILE=Software\ALL\x\y\KB5043080\windows11.0-kb5040000-x64.msu"
set "NAME=windows11.0-kb5040000-x64.msu"
set "WEB=Software/ALL/x/y/KB5043080/windows11.0-kb5040000-x64.msu"
set "SIZE=5"
set "SHA256=0900000000000000000000000000000000000000000000000000000000000000"
set "SHA1="
set "MD5="
call :file
set "FILE=Software\EN\com_microsoft.windows2000\x86win2k\KB5043080\windows11.0-kb5043080-x64.msu"
set "NAME=windows11.0-kb5043080-x64.msu"
set "WEB=Software/EN/com_microsoft.windows2000/x86win2k/KB5043080/windows11.0-kb5043080-x64.msu"
set "SIZE=917040"
set "SHA256=3c00000000000000000000000000000000000000000000000000000000000000"
set "SHA1="
set "MD5="
call :file
goto :eof
:files_5
set "ENGINE=wusa"
set "ARGS=/quiet /norestart"
set "LOGARG=/log:"
set "CODES=2"
set "QCHAIN="
set "LOCALONLY=1"
set "FILE=Software\EN\com_microsoft.windows2000\x86win2k\KB4490628\windows6.1-kb4490628-x64.msu"
set "NAME=windows6.1-kb4490628-x64.msu"
set "WEB=Software/EN/com_microsoft.windows2000/x86win2k/KB4490628/windows6.1-kb4490628-x64.msu"
set "SIZE=917040"
set "SHA256=3200000000000000000000000000000000000000000000000000000000000000"
set "SHA1="
set "MD5="
call :file
goto :eof
:files_4
set "ENGINE=msp"
set "ARGS=/qn /norestart REBOOT=ReallySuppress"
set "LOGARG=/l*v "
set "CODES=1"
set "QCHAIN="
set "LOCALONLY="
set "FILE=Software\EN\com_microsoft.windows2000\x86win2k\KB900001\office.msp"
set "NAME=office.msp"
set "WEB=Software/EN/com_microsoft.windows2000/x86win2k/KB900001/office.msp"
set "SIZE=917040"
set "SHA256=2800000000000000000000000000000000000000000000000000000000000000"
set "SHA1="
set "MD5="
call :file
goto :eof
:files_3
set "ENGINE=msi"
set "ARGS=/qn /norestart TARGET="C:\Program Files\Viewer""
set "LOGARG=/l*v "
set "CODES=1"
set "QCHAIN="
set "LOCALONLY="
set "FILE=Software\EN\com_microsoft.windows2000\x86win2k\Viewer\viewer one.msi"
set "NAME=viewer one.msi"
set "WEB=Software/EN/com_microsoft.windows2000/x86win2k/Viewer/viewer%%20one.msi"
set "SIZE=917040"
set "SHA256=1e00000000000000000000000000000000000000000000000000000000000000"
set "SHA1="
set "MD5="
call :file
goto :eof
:files_2
set "ENGINE=self"
set "ARGS=-m -q -z"
set "LOGARG="
set "CODES=1"
set "QCHAIN=1"
set "LOCALONLY="
set "FILE=Software\EN\com_microsoft.windows2000\x86win2k\Q318202\Q318202_W2K_SP3_X86_EN.exe"
set "NAME=Q318202_W2K_SP3_X86_EN.exe"
set "WEB=Software/EN/com_microsoft.windows2000/x86win2k/Q318202/Q318202_W2K_SP3_X86_EN.exe"
set "SIZE=917040"
set "SHA256=1400000000000000000000000000000000000000000000000000000000000000"
set "SHA1=0100000000000000000000000000000000000000"
set "MD5=02000000000000000000000000000000"
call :file
goto :eof
:files_1
set "ENGINE=self"
set "ARGS=-u -q -z"
set "LOGARG="
set "CODES=1"
set "QCHAIN="
set "LOCALONLY="
set "FILE=Software\EN\com_microsoft.windows2000\x86win2k\W2KSP4\W2KSP4_EN.EXE"
set "NAME=W2KSP4_EN.EXE"
set "WEB=Software/EN/com_microsoft.windows2000/x86win2k/W2KSP4/W2KSP4_EN.EXE"
set "SIZE=917040"
set "SHA256=0a00000000000000000000000000000000000000000000000000000000000000"
set "SHA1="
set "MD5="
call :file
goto :eof


rem ======== What exit codes mean: STATE ===================================
:codes_1
set "STATE=failed"
if "%RC%"=="0" set "STATE=ok"
if "%RC%"=="1618" set "STATE=retry"
if "%RC%"=="1641" set "STATE=reboot"
if "%RC%"=="3010" set "STATE=reboot"
if "%RC%"=="3011" set "STATE=reboot"
goto :eof
:codes_2
set "STATE=failed"
if "%RC%"=="-2145124329" set "STATE=not-applicable"
if "%RC%"=="0" set "STATE=ok"
if "%RC%"=="5" set "STATE=failed"
if "%RC%"=="87" set "STATE=failed"
if "%RC%"=="1058" set "STATE=failed"
if "%RC%"=="1618" set "STATE=retry"
if "%RC%"=="1641" set "STATE=reboot"
if "%RC%"=="3010" set "STATE=reboot"
if "%RC%"=="3011" set "STATE=reboot"
if "%RC%"=="2359301" set "STATE=reboot"
if "%RC%"=="2359302" set "STATE=present"
goto :eof
:codes_3
set "STATE=failed"
if "%RC%"=="-2147024344" set "STATE=failed"
if "%RC%"=="-2146498554" set "STATE=retry"
if "%RC%"=="-2146498530" set "STATE=not-applicable"
if "%RC%"=="-2146498525" set "STATE=failed"
if "%RC%"=="0" set "STATE=ok"
if "%RC%"=="2" set "STATE=failed"
if "%RC%"=="5" set "STATE=failed"
if "%RC%"=="50" set "STATE=failed"
if "%RC%"=="87" set "STATE=failed"
if "%RC%"=="1618" set "STATE=retry"
if "%RC%"=="1641" set "STATE=reboot"
if "%RC%"=="3010" set "STATE=reboot"
if "%RC%"=="3011" set "STATE=reboot"
goto :eof
:codes_4
set "STATE=failed"
if "%RC%"=="0" set "STATE=ok"
if "%RC%"=="259" set "STATE=not-applicable"
if "%RC%"=="1641" set "STATE=reboot"
if "%RC%"=="3010" set "STATE=reboot"
goto :eof


rem ======== The files of a package ========================================
rem Find FILE (NAME, SIZE and digests, PATH at a URL in WEB) beside this script,
rem in the tree, below /base and where else the tree is known to be; check it.
rem PKG is where it is; else STATE is missing or bad.
:file
if defined STATE goto :eof
set "PKG="
set "BAD="
set "TRY=%SELF%%NAME%"
call :try
if defined PKG goto :eof
set "TRY=%TREE%\%FILE%"
call :try
if defined PKG goto :eof
if defined BASE call :from
if defined PKG goto :eof
set "FROM=\\server\updates"
call :from_base
if defined PKG goto :eof
set "FROM=http://server:8530/rings/production"
call :from_base
if defined PKG goto :eof
set "STATE=missing"
if defined BAD set "STATE=bad"
if defined BAD echo rollback.cmd: "%NAME%": %BAD%
goto :eof

rem A base is a URL, or a folder.
:from
set "FROM=%BASE%"
:from_base
if "%FROM:~-1%"=="/" set "FROM=%FROM:~0,-1%"
if "%FROM:~-1%"=="\" set "FROM=%FROM:~0,-1%"
if /i "%FROM:~0,7%"=="http://" goto download
if /i "%FROM:~0,8%"=="https://" goto download
set "TRY=%FROM%\%FILE%"

rem Is TRY there, and right? Then PKG is it, or its copy on this machine.
:try
if not exist "%TRY%" goto :eof
for %%g in ("%TRY%") do set "BYTES=%%~zg"
if not "%BYTES%"=="%SIZE%" set "BAD=has %BYTES% bytes and not %SIZE%"
if not "%BYTES%"=="%SIZE%" goto :eof
if defined DRY goto try_check
if not defined LOCALCOPY if not defined LOCALONLY goto try_check
call :stage
copy /b /y "%TRY%" "%STAGED%\%NAME%" >nul
set "TRY=%STAGED%\%NAME%"
:try_check
set "WRONG="
call :digest
if defined WRONG set "BAD=%WRONG%"
if not defined WRONG set "PKG=%TRY%"
goto :eof

rem A folder of this package's own: DISM and wusa read what lies beside a file.
:stage
set "STAGED=%STAGE%\%ID%"
if not exist "%STAGED%\" md "%STAGED%"
goto :eof


rem ======== By HTTP =======================================================
rem What each system has, one after the other, until the size is right: curl,
rem .NET by PowerShell, BITS, WinHTTP by a script. The digest is checked after.
:download
if defined DRY echo rollback.cmd: would fetch "%NAME%" from "%FROM%"
if defined DRY set "PKG=%NAME%"
if defined DRY goto :eof
call :stage
set "TRY=%STAGED%\%NAME%"
set "URL=%FROM%/%WEB%"
set "GET_TO=%TRY%"
call :get
if not exist "%TRY%" goto :eof
for %%g in ("%TRY%") do set "BYTES=%%~zg"
if not "%BYTES%"=="%SIZE%" set "BAD=came with %BYTES% bytes and not %SIZE%"
if not "%BYTES%"=="%SIZE%" goto :eof
goto try_check


rem Fetch URL to GET_TO.
:get
if exist "%GET_TO%" del /f "%GET_TO%"
for %%g in (curl.exe) do set "CURL=%%~$PATH:g"
if not defined CURL goto get_powershell
curl.exe --fail --silent --show-error --location --retry 3 --output "%GET_TO%" "%URL%"
call :got
if defined ARRIVED goto :eof
:get_powershell
if not exist "%SYS%\WindowsPowerShell\v1.0\powershell.exe" goto get_bits
"%SYS%\WindowsPowerShell\v1.0\powershell.exe" -NoProfile -ExecutionPolicy Bypass -Command "(New-Object Net.WebClient).DownloadFile($env:URL, $env:GET_TO)" <nul
call :got
if defined ARRIVED goto :eof
:get_bits
for %%g in (bitsadmin.exe) do set "BITS=%%~$PATH:g"
if not defined BITS goto get_script
bitsadmin.exe /transfer patchferry /download /priority foreground "%URL%" "%GET_TO%" >nul
call :got
if defined ARRIVED goto :eof
:get_script
if not defined HELPER call :helper
cscript.exe //nologo "%HELPER%" get "%URL%" "%GET_TO%"
call :got
goto :eof

rem Is there anything at GET_TO? Nothing at all is nothing, too.
:got
set "ARRIVED="
if not exist "%GET_TO%" goto :eof
for %%g in ("%GET_TO%") do if not "%%~zg"=="0" set "ARRIVED=1"
goto :eof


rem ======== Digests =======================================================
rem Is TRY what SHA256, SHA1 or MD5 say? WRONG where it is not; CHECK says what
rem was looked at. From Windows 7 on it is always SHA-256; before, the old sums,
rem if fciv.exe is there: they show a damaged file, and are no proof of more.
:digest
set "HASH="
set "CHECK=size"
if not defined SHA256 goto digest_old
if %MAJOR% LSS 6 goto digest_old
for /f "skip=1 delims=" %%g in ('%NATIVE%certutil.exe -hashfile "%TRY%" SHA256 2^>nul') do if not defined HASH set "HASH=%%g"
rem Of a busy machine, or of a file that something else just looks at, it may say nothing.
if not defined HASH for /f "skip=1 delims=" %%g in ('%NATIVE%certutil.exe -hashfile "%TRY%" SHA256 2^>nul') do if not defined HASH set "HASH=%%g"
rem Windows 7 to 8.1 part the bytes by blanks.
if defined HASH set "HASH=%HASH: =%"
if defined HASH set "CHECK=sha256"
if /i "%HASH%"=="%SHA256%" goto :eof
rem Windows Vista and Server 2008 need not know SHA-256.
if not "%KERNEL%"=="6.0" goto digest_wrong
set "CHECK=size"
if not defined HASH goto digest_old
if "%HASH:~63%"=="" goto digest_old
set "CHECK=sha256"
:digest_wrong
set "WRONG=its SHA-256 is not %SHA256%"
if not defined HASH set "WRONG=its SHA-256 cannot be computed: certutil says nothing"
goto :eof

:digest_old
if not defined FCIV goto :eof
set "HASH="
if defined SHA1 goto digest_sha1
if not defined MD5 goto :eof
for /f "usebackq eol=/ tokens=1" %%g in (`call "%FCIV%" -md5 "%TRY%"`) do if not defined HASH set "HASH=%%g"
set "CHECK=md5"
if /i not "%HASH%"=="%MD5%" set "WRONG=its MD5 is not %MD5%"
goto :eof
:digest_sha1
for /f "usebackq eol=/ tokens=1" %%g in (`call "%FCIV%" -sha1 "%TRY%"`) do if not defined HASH set "HASH=%%g"
set "CHECK=sha1"
if /i not "%HASH%"=="%SHA1%" set "WRONG=its SHA-1 is not %SHA1%"
goto :eof


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
echo rollback.cmd must be run by an administrator, or by the system.
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
call :keys
set "LINE=begin set=%SET% generation=%GENERATION% os=%FAMILY% release=%RELEASE% build=%VERSION% arch=%ARCH% lang=%LANG%"
call :say
goto :eof


rem ======== For which hosts: GATE_n is why this one is not ================
:gates
set "G_OS=windows2000 windowsxp-sp1"
set "G_ARCH=x86"
set "G_LANG=EN"
set "G_MINSP=2"
set "G_MAXSP=3"
call :gate
set "GATE_1=%WHYNOT%"
call :gate
set "GATE_2=%WHYNOT%"
set "G_OS=windows11"
set "G_MINBUILD=26100"
set "G_MAXBUILD=26200"
call :gate
set "GATE_3=%WHYNOT%"
goto :eof


rem ======== Is the package for this host? WHYNOT says why it is not =======
:gate
set "WHYNOT="
set "FITS=1"
if not defined G_OS goto gate_arch
set "FITS="
for %%g in (%G_OS%) do if /i "%%g"=="%FAMILY%" set "FITS=1"
for %%g in (%G_OS%) do if /i "%%g"=="%FAMILY%-%RELEASE%" set "FITS=1"
if not defined FITS set "WHYNOT=os"
:gate_arch
set "FITS=1"
if not defined G_ARCH goto gate_rest
set "FITS="
for %%g in (%G_ARCH%) do if /i "%%g"=="%ARCH%" set "FITS=1"
if not defined FITS set "WHYNOT=arch"
:gate_rest
if defined G_LANG if /i not "%G_LANG%"=="%LANG%" set "WHYNOT=lang"
if %SP% LSS %G_MINSP% set "WHYNOT=sp"
if %SP% GTR %G_MAXSP% set "WHYNOT=sp"
if %BUILD% LSS %G_MINBUILD% set "WHYNOT=build"
if %BUILD% GTR %G_MAXBUILD% set "WHYNOT=build"
for %%g in (G_OS G_ARCH G_LANG) do set "%%g="
set "G_MINSP=0"
set "G_MAXSP=99"
set "G_MINBUILD=0"
set "G_MAXBUILD=999999"
goto :eof


rem ======== After the last package ========================================
:end
set "RESULT=0"
if defined REBOOT set "RESULT=3010"
if defined FAILED set "RESULT=1"
if "%STOP%"=="1618" set "RESULT=1618"
if not defined ONLY goto end_seen
if not defined SEEN echo rollback.cmd: there is no package "%ONLY%" in this set
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
:end_said
if defined REBOOT echo A restart is needed; run this again after it.
set "LINE=end set=%SET% rc=%RESULT%"
call :say
goto :eof


rem ======== The host ======================================================
rem FAMILY RELEASE SP KERNEL BUILD VERSION TYPE ARCH LANG, and the programs
rem of its own word length: NATIVE before a name, SYS before a path.
:host
set "SYS=%SystemRoot%\system32"
set "NATIVE="
if not defined PROCESSOR_ARCHITEW6432 goto host_arch
set "SYS=%SystemRoot%\Sysnative"
set "NATIVE=%SystemRoot%\Sysnative\"
:host_arch
set "MACHINE=%PROCESSOR_ARCHITECTURE%"
if defined PROCESSOR_ARCHITEW6432 set "MACHINE=%PROCESSOR_ARCHITEW6432%"
set "ARCH=%MACHINE%"
if /i "%MACHINE%"=="x86" set "ARCH=x86"
if /i "%MACHINE%"=="AMD64" set "ARCH=x64"
if /i "%MACHINE%"=="IA64" set "ARCH=ia64"
if /i "%MACHINE%"=="ARM64" set "ARCH=arm64"
if /i "%MACHINE%"=="ARM" set "ARCH=arm"
rem Windows 2000 has no reg.exe.
set "REG="
if exist "%SYS%\reg.exe" set "REG=%SYS%\reg.exe"
rem Packages on a share are run without a question about where they come from.
set "SEE_MASK_NOZONECHECKS=1"

rem "Microsoft Windows 2000 [Version 5.00.2195]", or without brackets.
set "VERSION="
set "SAID="
for /f "delims=" %%g in ('ver') do set "SAID=%%g"
for /f "tokens=2 delims=[]" %%g in ("%SAID%") do set "VERSION=%%g"
if not defined VERSION goto host_plain
for /f "tokens=2" %%g in ("%VERSION%") do set "VERSION=%%g"
goto host_numbers
:host_plain
for /f "tokens=3" %%g in ("%SAID%") do set "VERSION=%%g"
:host_numbers
set "MAJOR=0"
set "MINOR=0"
set "BUILD=0"
set "UBR="
for /f "tokens=1-4 delims=." %%g in ("%VERSION%") do call :host_version %%g %%h %%i %%j
set "KERNEL=%MAJOR%.%MINOR%"
set "VERSION=%KERNEL%.%BUILD%"
if defined UBR set "VERSION=%VERSION%.%UBR%"

set "TYPE=client"
set "KEY=HKLM\SYSTEM\CurrentControlSet\Control\ProductOptions"
set "VALUE=ProductType"
call :value
if /i "%GOT%"=="ServerNT" set "TYPE=server"
if /i "%GOT%"=="LanmanNT" set "TYPE=server"

rem "Service Pack 4"; the number times 256 where that says nothing.
set "SP=0"
set "KEY=HKLM\SOFTWARE\Microsoft\Windows NT\CurrentVersion"
set "VALUE=CSDVersion"
call :value
for /f "tokens=3" %%g in ("%GOT%") do set "SP=%%g"
set "DIGIT="
for %%g in (0 1 2 3 4 5 6 7 8 9) do if "%%g"=="%SP%" set "DIGIT=1"
if defined DIGIT goto host_family
set "SP=0"
set "KEY=HKLM\SYSTEM\CurrentControlSet\Control\Windows"
call :value
if defined GOT set /a "SP=%GOT% / 256"

:host_family
set "FAMILY="
set "RELEASE="
if not defined FAMILY if "%KERNEL%"=="5.0" if %BUILD% GEQ 2195 if %BUILD% LEQ 2195 call :host_is windows2000
if not defined FAMILY if "%KERNEL%"=="5.1" if %BUILD% GEQ 2600 if %BUILD% LEQ 2600 call :host_is windowsxp
if not defined FAMILY if "%KERNEL%"=="5.2" if "%TYPE%"=="client" if %BUILD% GEQ 3790 if %BUILD% LEQ 3790 call :host_is windowsxp
if not defined FAMILY if "%KERNEL%"=="5.2" if "%TYPE%"=="server" if %BUILD% GEQ 3790 if %BUILD% LEQ 3790 call :host_is windowsserver2003
if not defined FAMILY if "%KERNEL%"=="6.0" if "%TYPE%"=="client" if %BUILD% GEQ 6000 if %BUILD% LEQ 6003 call :host_is windowsvista
if not defined FAMILY if "%KERNEL%"=="6.0" if "%TYPE%"=="server" if %BUILD% GEQ 6001 if %BUILD% LEQ 6003 call :host_is windowsserver2008
if not defined FAMILY if "%KERNEL%"=="6.1" if "%TYPE%"=="client" if %BUILD% GEQ 7600 if %BUILD% LEQ 7601 call :host_is windows7
if not defined FAMILY if "%KERNEL%"=="6.1" if "%TYPE%"=="server" if %BUILD% GEQ 7600 if %BUILD% LEQ 7601 call :host_is windowsserver2008r2
if not defined FAMILY if "%KERNEL%"=="6.2" if "%TYPE%"=="client" if %BUILD% GEQ 9200 if %BUILD% LEQ 9200 call :host_is windows8
if not defined FAMILY if "%KERNEL%"=="6.2" if "%TYPE%"=="server" if %BUILD% GEQ 9200 if %BUILD% LEQ 9200 call :host_is windowsserver2012
if not defined FAMILY if "%KERNEL%"=="6.3" if "%TYPE%"=="client" if %BUILD% GEQ 9600 if %BUILD% LEQ 9600 call :host_is windows8.1
if not defined FAMILY if "%KERNEL%"=="6.3" if "%TYPE%"=="server" if %BUILD% GEQ 9600 if %BUILD% LEQ 9600 call :host_is windowsserver2012r2
if not defined FAMILY if "%KERNEL%"=="10.0" if "%TYPE%"=="client" if %BUILD% GEQ 10240 if %BUILD% LEQ 10240 call :host_is windows10 1507
if not defined FAMILY if "%KERNEL%"=="10.0" if "%TYPE%"=="client" if %BUILD% GEQ 10586 if %BUILD% LEQ 10586 call :host_is windows10 1511
if not defined FAMILY if "%KERNEL%"=="10.0" if "%TYPE%"=="client" if %BUILD% GEQ 14393 if %BUILD% LEQ 14393 call :host_is windows10 1607
if not defined FAMILY if "%KERNEL%"=="10.0" if "%TYPE%"=="client" if %BUILD% GEQ 15063 if %BUILD% LEQ 15063 call :host_is windows10 1703
if not defined FAMILY if "%KERNEL%"=="10.0" if "%TYPE%"=="client" if %BUILD% GEQ 16299 if %BUILD% LEQ 16299 call :host_is windows10 1709
if not defined FAMILY if "%KERNEL%"=="10.0" if "%TYPE%"=="client" if %BUILD% GEQ 17134 if %BUILD% LEQ 17134 call :host_is windows10 1803
if not defined FAMILY if "%KERNEL%"=="10.0" if "%TYPE%"=="client" if %BUILD% GEQ 17763 if %BUILD% LEQ 17763 call :host_is windows10 1809
if not defined FAMILY if "%KERNEL%"=="10.0" if "%TYPE%"=="client" if %BUILD% GEQ 18362 if %BUILD% LEQ 18362 call :host_is windows10 1903
if not defined FAMILY if "%KERNEL%"=="10.0" if "%TYPE%"=="client" if %BUILD% GEQ 18363 if %BUILD% LEQ 18363 call :host_is windows10 1909
if not defined FAMILY if "%KERNEL%"=="10.0" if "%TYPE%"=="client" if %BUILD% GEQ 19041 if %BUILD% LEQ 19041 call :host_is windows10 2004
if not defined FAMILY if "%KERNEL%"=="10.0" if "%TYPE%"=="client" if %BUILD% GEQ 19042 if %BUILD% LEQ 19042 call :host_is windows10 20h2
if not defined FAMILY if "%KERNEL%"=="10.0" if "%TYPE%"=="client" if %BUILD% GEQ 19043 if %BUILD% LEQ 19043 call :host_is windows10 21h1
if not defined FAMILY if "%KERNEL%"=="10.0" if "%TYPE%"=="client" if %BUILD% GEQ 19044 if %BUILD% LEQ 19044 call :host_is windows10 21h2
if not defined FAMILY if "%KERNEL%"=="10.0" if "%TYPE%"=="client" if %BUILD% GEQ 19045 if %BUILD% LEQ 19045 call :host_is windows10 22h2
if not defined FAMILY if "%KERNEL%"=="10.0" if "%TYPE%"=="client" if %BUILD% GEQ 22000 if %BUILD% LEQ 22000 call :host_is windows11 21h2
if not defined FAMILY if "%KERNEL%"=="10.0" if "%TYPE%"=="client" if %BUILD% GEQ 22621 if %BUILD% LEQ 22621 call :host_is windows11 22h2
if not defined FAMILY if "%KERNEL%"=="10.0" if "%TYPE%"=="client" if %BUILD% GEQ 22631 if %BUILD% LEQ 22631 call :host_is windows11 23h2
if not defined FAMILY if "%KERNEL%"=="10.0" if "%TYPE%"=="client" if %BUILD% GEQ 26100 if %BUILD% LEQ 26100 call :host_is windows11 24h2
if not defined FAMILY if "%KERNEL%"=="10.0" if "%TYPE%"=="client" if %BUILD% GEQ 26200 if %BUILD% LEQ 26200 call :host_is windows11 25h2
if not defined FAMILY if "%KERNEL%"=="10.0" if "%TYPE%"=="client" if %BUILD% GEQ 28000 if %BUILD% LEQ 28000 call :host_is windows11 26h1
if not defined FAMILY if "%KERNEL%"=="10.0" if "%TYPE%"=="server" if %BUILD% GEQ 14393 if %BUILD% LEQ 14393 call :host_is windowsserver2016
if not defined FAMILY if "%KERNEL%"=="10.0" if "%TYPE%"=="server" if %BUILD% GEQ 16299 if %BUILD% LEQ 16299 call :host_is windowsserver-sac 1709
if not defined FAMILY if "%KERNEL%"=="10.0" if "%TYPE%"=="server" if %BUILD% GEQ 17134 if %BUILD% LEQ 17134 call :host_is windowsserver-sac 1803
if not defined FAMILY if "%KERNEL%"=="10.0" if "%TYPE%"=="server" if %BUILD% GEQ 17763 if %BUILD% LEQ 17763 call :host_is windowsserver2019
if not defined FAMILY if "%KERNEL%"=="10.0" if "%TYPE%"=="server" if %BUILD% GEQ 18362 if %BUILD% LEQ 18362 call :host_is windowsserver-sac 1903
if not defined FAMILY if "%KERNEL%"=="10.0" if "%TYPE%"=="server" if %BUILD% GEQ 18363 if %BUILD% LEQ 18363 call :host_is windowsserver-sac 1909
if not defined FAMILY if "%KERNEL%"=="10.0" if "%TYPE%"=="server" if %BUILD% GEQ 19041 if %BUILD% LEQ 19041 call :host_is windowsserver-sac 2004
if not defined FAMILY if "%KERNEL%"=="10.0" if "%TYPE%"=="server" if %BUILD% GEQ 19042 if %BUILD% LEQ 19042 call :host_is windowsserver-sac 20h2
if not defined FAMILY if "%KERNEL%"=="10.0" if "%TYPE%"=="server" if %BUILD% GEQ 20348 if %BUILD% LEQ 20348 call :host_is windowsserver2022
if not defined FAMILY if "%KERNEL%"=="10.0" if "%TYPE%"=="server" if %BUILD% GEQ 25398 if %BUILD% LEQ 25398 call :host_is windowsserver-sac 23h2
if not defined FAMILY if "%KERNEL%"=="10.0" if "%TYPE%"=="server" if %BUILD% GEQ 26100 if %BUILD% LEQ 26100 call :host_is windowsserver2025
if not defined FAMILY if "%KERNEL%"=="10.0" if "%TYPE%"=="client" if %BUILD% GEQ 10240 if %BUILD% LEQ 21999 call :host_is windows10
if not defined FAMILY if "%KERNEL%"=="10.0" if "%TYPE%"=="client" if %BUILD% GEQ 22000 call :host_is windows11
rem Windows 10 and later have releases and no service packs.
if "%KERNEL%"=="10.0" set "SP=0"
if not "%SP%"=="0" set "RELEASE=sp%SP%"

rem The language of the installation, by its Windows id.
set "LANG="
set "KEY=HKLM\SYSTEM\CurrentControlSet\Control\Nls\Language"
set "VALUE=InstallLanguage"
call :value
set "LCID=%GOT%"
for %%g in (0436.AF 045E.AM 0401.AR 044D.AS 042C.AZ 0423.BE 0402.BG 0445.BN 141A.BS 0403.CA 0405.CS 0452.CY 0406.DA 0407.DE 0408.EL 0409.EN 0809.ENGB 0C0A.ES 080A.ESMX 0425.ET 042D.EU 0429.FA 040B.FI 0464.FIL 040C.FR 0C0C.FRCA 083C.GA 0491.GD 0456.GL 0447.GU 0468.HA 040D.HE 0439.HI 041A.HR 040E.HU 042B.HY 0421.ID 0470.IG 040F.IS 0410.IT 0411.JA 0437.KA 043F.KK 0453.KM 044B.KN 0412.KO 0457.KOK 0440.KY 046E.LB 0454.LO 0427.LT 0426.LV 0481.MI 042F.MK 044C.ML 0450.MN 044E.MR 043E.MS 043A.MT 0461.NE 0413.NL 0814.NN 0414.NO 046C.NSO 0448.OR 0446.PA 0415.PL 048C.PRS 0463.PS 0816.PT 0416.PTBR 0C6B.QUZ 0418.RO 0419.RU 0487.RW 045B.SI 041B.SK 0424.SL 041C.SQ 7C1A.SR 0C1A.SRCYRL 081A.SRLATN 041D.SV 0441.SW 0449.TA) do if /i "%%~ng"=="%LCID%" set "LANG=%%~xg"
for %%g in (044A.TE 0428.TG 041E.TH 0473.TI 0442.TK 0432.TN 041F.TR 0444.TT 0480.UG 0422.UK 0420.UR 0443.UZ 042A.VI 0488.WO 0434.XH 046A.YO 0804.ZHCN 0C04.ZHHK 0404.ZHTW 0435.ZU) do if /i "%%~ng"=="%LCID%" set "LANG=%%~xg"
if defined LANG set "LANG=%LANG:~1%"
set "GOT="
set "VALUE="
goto :eof

:host_version
set "MAJOR=%1"
set "MINOR=%2"
if "%MINOR%"=="00" set "MINOR=0"
if not "%3"=="" set "BUILD=%3"
set "UBR=%4"
goto :eof

:host_is
set "FAMILY=%1"
set "RELEASE=%2"
goto :eof


rem ======== A folder for this run alone ===================================
rem Below %SystemRoot% only administrators write; a run that changes nothing
rem takes the temporary folder of its user.
:work
if defined WORK goto :eof
set "WORK=%TEMP%\patchferry-%RANDOM%-%RANDOM%"
if not defined DRY set "WORK=%SystemRoot%\patchferry\work-%RANDOM%-%RANDOM%"
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
>>"%HELPER%" echo Dim a, sh, r, s, i
>>"%HELPER%" echo On Error Resume Next
>>"%HELPER%" echo Set a = WScript.Arguments
>>"%HELPER%" echo Select Case a(0)
>>"%HELPER%" echo Case "read"
>>"%HELPER%" echo Set sh = CreateObject("WScript.Shell")
>>"%HELPER%" echo r = sh.RegRead(a(1))
>>"%HELPER%" echo If IsArray(r) Then
>>"%HELPER%" echo For Each i In r
>>"%HELPER%" echo s = s ^& Right("0" ^& Hex(i), 2)
>>"%HELPER%" echo Next
>>"%HELPER%" echo r = s
>>"%HELPER%" echo End If
>>"%HELPER%" echo If Err.Number = 0 Then WScript.Echo r
>>"%HELPER%" echo Case "has"
>>"%HELPER%" echo Set sh = CreateObject("WScript.Shell")
>>"%HELPER%" echo r = sh.RegRead(a(1))
>>"%HELPER%" echo If Err.Number = 0 Then WScript.Echo 1
>>"%HELPER%" echo Case "write"
>>"%HELPER%" echo Set sh = CreateObject("WScript.Shell")
>>"%HELPER%" echo sh.RegWrite a(1), a(2), "REG_SZ"
>>"%HELPER%" echo Case "version"
>>"%HELPER%" echo Set sh = CreateObject("Scripting.FileSystemObject")
>>"%HELPER%" echo WScript.Echo sh.GetFileVersion(a(1))
>>"%HELPER%" echo Case "fixes"
>>"%HELPER%" echo For Each i In GetObject("winmgmts:\\.\root\cimv2").ExecQuery("SELECT HotFixID FROM Win32_QuickFixEngineering")
>>"%HELPER%" echo WScript.Echo i.HotFixID
>>"%HELPER%" echo Next
>>"%HELPER%" echo Case "get"
>>"%HELPER%" echo Set r = CreateObject("WinHttp.WinHttpRequest.5.1")
>>"%HELPER%" echo r.Open "GET", a(1), False
>>"%HELPER%" echo r.Send
>>"%HELPER%" echo If r.Status = 200 Then
>>"%HELPER%" echo Set s = CreateObject("ADODB.Stream")
>>"%HELPER%" echo s.Type = 1
>>"%HELPER%" echo s.Open
>>"%HELPER%" echo s.Write r.ResponseBody
>>"%HELPER%" echo s.SaveToFile a(2), 2
>>"%HELPER%" echo s.Close
>>"%HELPER%" echo End If
>>"%HELPER%" echo Case "post"
>>"%HELPER%" echo Set sh = CreateObject("Scripting.FileSystemObject")
>>"%HELPER%" echo Set r = CreateObject("WinHttp.WinHttpRequest.5.1")
>>"%HELPER%" echo r.Open "POST", a(1), False
>>"%HELPER%" echo r.SetRequestHeader "Content-Type", "application/json"
>>"%HELPER%" echo r.Send sh.OpenTextFile(a(2)).ReadAll
>>"%HELPER%" echo WScript.Echo r.Status
>>"%HELPER%" echo End Select
goto :eof


rem Only the whole of this script has its end.
:whole
exit /b 77
