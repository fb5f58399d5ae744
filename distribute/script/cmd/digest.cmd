{{define "digest"}}
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
{{end}}
