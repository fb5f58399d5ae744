{{define "download"}}
rem ======== By HTTP =======================================================
rem What each system has, one after the other, until the size is right: curl,
rem .NET by PowerShell, BITS, WinHTTP by a script. The digest is checked after.
:download
if defined DRY echo {{.Script}}: would fetch "%NAME%" from "%FROM%"
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
{{end}}

{{define "get"}}
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
{{end}}
