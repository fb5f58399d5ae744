{{define "host"}}
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
{{- range .Systems}}
{{.}}
{{- end}}
rem Windows 10 and later have releases and no service packs.
if "%KERNEL%"=="10.0" set "SP=0"
if not "%SP%"=="0" set "RELEASE=sp%SP%"

rem The language of the installation, by its Windows id.
set "LANG="
set "KEY=HKLM\SYSTEM\CurrentControlSet\Control\Nls\Language"
set "VALUE=InstallLanguage"
call :value
set "LCID=%GOT%"
{{- range .Languages}}
for %%g in ({{.}}) do if /i "%%~ng"=="%LCID%" set "LANG=%%~xg"
{{- end}}
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
{{end}}
