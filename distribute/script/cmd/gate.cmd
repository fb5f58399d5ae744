{{define "gate"}}
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
{{end}}
