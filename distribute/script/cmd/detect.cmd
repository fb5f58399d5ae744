{{define "detect"}}
{{- if .Packs}}

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
{{- end}}
{{- if .Versions}}

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
{{- end}}
{{end}}
