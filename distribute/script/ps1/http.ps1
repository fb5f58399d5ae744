# ---- HTTP ---------------------------------------------------------------------

# A request that goes straight to the server: it is one of this network.
function New-Request([string]$url) {
    # TLS 1.2 is not on by itself in older .NET; where the system decides (0) it stays so.
    if ($url -match '^https:' -and [int][System.Net.ServicePointManager]::SecurityProtocol -ne 0) {
        try {
            $with = [int][System.Net.ServicePointManager]::SecurityProtocol -bor 3072
            [System.Net.ServicePointManager]::SecurityProtocol = [System.Enum]::ToObject([System.Net.SecurityProtocolType], $with)
        } catch {
            Write-Line 'note=no-tls-1.2'
        }
    }
    $request = [System.Net.WebRequest]::Create($url)
    $request.Proxy = $null
    $request.UserAgent = 'patchferry-script'
    $request.Timeout = 60000
    $request.ReadWriteTimeout = 120000
    return $request
}

# The server's answer inside of an error, or nothing.
function Get-Answer($failure) {
    $cause = $failure.Exception
    while ($cause -ne $null) {
        if ($cause -is [System.Net.WebException]) { return $cause.Response }
        $cause = $cause.InnerException
    }
    return $null
}

# How long to wait before the next attempt, in seconds: as the server says, at
# most a minute.
function Get-Pause($answer, [int]$try) {
    if ($answer -ne $null) {
        $said = [string]$answer.Headers['Retry-After']
        if ($said -match '^\d{1,4}$') { return [System.Math]::Min(60, [int]$said + 1) }
    }
    return 2 * $try
}

# Asks for what a partial file lacks. .NET 2.0 knows no range from 2 GB on: such
# a file begins anew.
function Open-Rest([string]$url, [string]$part) {
    $have = [long]0
    if ([System.IO.File]::Exists($part)) { $have = (New-Object System.IO.FileInfo($part)).Length }
    $runtime = $PSVersionTable.CLRVersion
    if ($have -gt 2147483647 -and $runtime -ne $null -and $runtime.Major -lt 4) { $have = [long]0 }
    $request = New-Request $url
    if ($have -gt 2147483647) { $request.AddRange($have) }
    if ($have -gt 0 -and $have -le 2147483647) { $request.AddRange([int]$have) }
    $response = $request.GetResponse()
    $continues = ([int]$response.StatusCode -eq 206 -and [string]$response.Headers['Content-Range'] -match ('^bytes ' + $have + '-'))
    if (-not $continues) { $have = [long]0 }
    return @{ Response = $response; Have = $have }
}

# Adds what a server sends to a partial file. More than the size is an error.
function Copy-Rest($open, [string]$part, [long]$size) {
    $mode = [System.IO.FileMode]::Create
    if ($open.Have -gt 0) { $mode = [System.IO.FileMode]::Append }
    $buffer = New-Object byte[] 65536
    $stream = $open.Response.GetResponseStream()
    $file = New-Object System.IO.FileStream($part, $mode, [System.IO.FileAccess]::Write)
    $total = $open.Have
    if ($size -le 0 -and $open.Response.ContentLength -ge 0) { $size = $total + $open.Response.ContentLength }
    try {
        $n = $stream.Read($buffer, 0, $buffer.Length)
        while ($n -gt 0) {
            $total = $total + $n
            if ($size -gt 0 -and $total -gt $size) { throw 'the server sends more than the file has' }
            $file.Write($buffer, 0, $n)
            $n = $stream.Read($buffer, 0, $buffer.Length)
        }
    } finally {
        $file.Close()
        $stream.Close()
    }
    if ($size -gt 0 -and $total -lt $size) { throw 'the server sent less than the file has' }
}

# Fetches a URL into a file, going on where an earlier attempt or run stopped.
# It says whether the file is there then; the caller checks what is in it.
function Copy-Url([string]$url, [string]$target, [long]$size) {
    $part = $target + '.part'
    for ($try = 1; $try -le 5; $try++) {
        $answer = $null
        $open = $null
        try {
            if ($size -gt 0 -and [System.IO.File]::Exists($part)) {
                # More than the file has is not a part of it.
                $have = (New-Object System.IO.FileInfo($part)).Length
                if ($have -ge $size) { [System.IO.File]::Delete($part) }
            }
            $open = Open-Rest $url $part
            Copy-Rest $open $part $size
            if ([System.IO.File]::Exists($target)) { [System.IO.File]::Delete($target) }
            [System.IO.File]::Move($part, $target)
            return $true
        } catch {
            $answer = Get-Answer $_
            Write-Line ('note=fetch try=' + $try + ' why=' + (Format-Reason $_))
        } finally {
            if ($open -ne $null) { $open.Response.Close() }
        }
        $status = 0
        $pause = Get-Pause $answer $try
        if ($answer -ne $null) {
            $status = [int]$answer.StatusCode
            # An answer that stays open holds one of two connections.
            $answer.Close()
        }
        if (@(401, 403, 404, 410) -contains $status) { return $false }
        if ($status -eq 416) { [System.IO.File]::Delete($part) }
        if ($try -lt 5) { Start-Sleep -Seconds $pause }
    }
    return $false
}
