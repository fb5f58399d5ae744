' Asks WinHTTP for a range of a file, and writes to another file what it got:
' the status, the range, and the text.
Set out = CreateObject("Scripting.FileSystemObject").CreateTextFile(WScript.Arguments(1), True)
Set http = CreateObject("WinHttp.WinHttpRequest.5.1")
http.Open "GET", WScript.Arguments(0), False
http.SetRequestHeader "Range", WScript.Arguments(2)
http.Send
' Wine ends the header with a zero.
out.Write http.Status & "|" & Replace(http.GetResponseHeader("Content-Range"), Chr(0), "") & "|" & http.ResponseText
out.Close
