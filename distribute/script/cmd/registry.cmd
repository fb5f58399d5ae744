{{define "registry"}}
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

{{- if .Listed}}

rem What the Hotfix and Updates keys hold, asked once: KEY_KB123456 is set where
rem one is called so. Without reg.exe every key is asked for by itself.
:keys
if not defined REG goto :eof
set "KEYLIST=1"
for /f "tokens=1* delims=\" %%g in ('%REG% query "HKLM\SOFTWARE\Microsoft\Windows NT\CurrentVersion\Hotfix" 2^>nul') do if "%%g"=="HKEY_LOCAL_MACHINE" set "KEY_%%~nxh=1"
for /f "tokens=1* delims=\" %%g in ('%REG% query "HKLM\SOFTWARE\Microsoft\Updates" /s 2^>nul') do if "%%g"=="HKEY_LOCAL_MACHINE" set "KEY_%%~nxh=1"
goto :eof
{{- end}}
{{- if .Writes}}

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
{{- end}}
{{end}}
