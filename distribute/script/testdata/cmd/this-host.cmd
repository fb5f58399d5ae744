@echo off
rem this-host.cmd: finds out what kind of host this is, and installs what the tree
rem has for that kind.
rem
rem   this-host.cmd [/dry] [/log FILE] [/stage DIR] [/only ID] [/base URL or UNC]
rem                 [/report URL or UNC] [/help]
rem
rem All arguments go to the install.cmd of this kind of host, whose exit code is
rem this one's: 0 everything is there, 3010 restart and run this again, 1618
rem another installation runs, 1 something failed.
setlocal enableextensions disabledelayedexpansion
set "SET=this-host"
set "RING=production"
set "GENERATION=0"
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
if /i "%~1"=="/base" goto argument_base
if /i "%~1"=="/report" goto argument_report
if "%~1"=="/whole" goto whole
if "%~1"=="/from" goto argument_from
if /i "%~1"=="/help" goto usage
if "%~1"=="/?" goto usage
echo this-host.cmd: there is no argument "%~1"; see this-host.cmd /help
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
:argument_base
if "%~2"=="" goto argument_empty
set "BASE=%~2"
shift
shift
goto next_argument
:argument_report
if "%~2"=="" goto argument_empty
set "REPORT=%~2"
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
echo this-host.cmd: "%~1" needs a value; see this-host.cmd /help
exit /b 1
:usage
echo this-host.cmd takes:
echo   /dry               say what would be done, start nothing and change nothing
echo   /log FILE          add to this log, in place of the one below Temp of Windows
echo   /stage DIR         copy packages here first, check them here and run them from here
echo   /only ID           this package alone, as KB824146
echo   /base ADDRESS      where the tree is, if not above this script: a URL or a UNC path
echo   /report ADDRESS    leave a report there: a folder by UNC, or the URL of the server
echo   /help              this
echo Exit: 0 done, 3010 restart and run it again, 1618 another installation runs, 1 something failed.
exit /b 0
:arguments_read
rem The packages stand beside this script, or below TREE.
for %%g in ("%SELF%..") do set "TREE=%%~fg"
if "%TREE:~-1%"=="\" set "TREE=%TREE:~0,-1%"
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
echo this-host.cmd: the tree has nothing for %FAMILY% %RELEASE%, %ARCH%, language "%LANG%".
echo Looked in "%SELF%hosts\%FAMILY%\%ARCH%" and at every base.
set "RESULT=1"
goto leave
:stranger
echo this-host.cmd: "%SAID%" (%TYPE%) is no system that this tree knows.
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
set "FROM=\\server\updates"
call :look_from
if defined INSTALL goto :eof
set "FROM=http://server:8530/rings/production"
call :look_from
if defined INSTALL goto :eof
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
if not exist "%WORK%\" echo this-host.cmd must be run by an administrator, or by the system.
if not exist "%WORK%\" goto :eof
set "URL=%FROM%/install/hosts/%KIND:\=/%/install.cmd"
set "GET_TO=%WORK%\install.cmd"
call :get
if not exist "%GET_TO%" goto :eof
%ComSpec% /d /c ""%GET_TO%" /whole" >nul 2>&1
if "%ERRORLEVEL%"=="77" set "INSTALL=%GET_TO%"
goto :eof

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
