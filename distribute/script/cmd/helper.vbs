Dim a, sh, r, s, i
On Error Resume Next
Set a = WScript.Arguments
Select Case a(0)
Case "read"
Set sh = CreateObject("WScript.Shell")
r = sh.RegRead(a(1))
If IsArray(r) Then
For Each i In r
s = s & Right("0" & Hex(i), 2)
Next
r = s
End If
If Err.Number = 0 Then WScript.Echo r
Case "has"
Set sh = CreateObject("WScript.Shell")
r = sh.RegRead(a(1))
If Err.Number = 0 Then WScript.Echo 1
Case "write"
Set sh = CreateObject("WScript.Shell")
sh.RegWrite a(1), a(2), "REG_SZ"
Case "version"
Set sh = CreateObject("Scripting.FileSystemObject")
WScript.Echo sh.GetFileVersion(a(1))
Case "fixes"
For Each i In GetObject("winmgmts:\\.\root\cimv2").ExecQuery("SELECT HotFixID FROM Win32_QuickFixEngineering")
WScript.Echo i.HotFixID
Next
Case "get"
Set r = CreateObject("WinHttp.WinHttpRequest.5.1")
r.Open "GET", a(1), False
r.Send
If r.Status = 200 Then
Set s = CreateObject("ADODB.Stream")
s.Type = 1
s.Open
s.Write r.ResponseBody
s.SaveToFile a(2), 2
s.Close
End If
Case "post"
Set sh = CreateObject("Scripting.FileSystemObject")
Set r = CreateObject("WinHttp.WinHttpRequest.5.1")
r.Open "POST", a(1), False
r.SetRequestHeader "Content-Type", "application/json"
r.Send sh.OpenTextFile(a(2)).ReadAll
WScript.Echo r.Status
End Select
