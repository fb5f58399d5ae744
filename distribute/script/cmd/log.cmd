{{define "log"}}
rem ======== The log =======================================================
rem Print LINE, and add it to the log. It holds nothing but words of ours.
:say
echo %LINE%
if not defined LOG goto :eof
>>"%LOG%" echo %DATE% %TIME% %LINE%
goto :eof
{{end}}
