{{define "package"}}
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
{{- range .Bases}}
set "FROM={{.}}"
call :from_base
if defined PKG goto :eof
{{- end}}
set "STATE=missing"
if defined BAD set "STATE=bad"
if defined BAD echo {{.Script}}: "%NAME%": %BAD%
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
{{end}}
