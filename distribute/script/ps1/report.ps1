# ---- the report ---------------------------------------------------------------

function Format-Json([string]$text) {
    $out = ''
    foreach ($letter in $text.ToCharArray()) {
        $number = [int]$letter
        if ($number -lt 32 -or $number -gt 126 -or $number -eq 34 -or $number -eq 92) {
            $out = $out + '\u' + ('{0:x4}' -f $number)
        } else {
            $out = $out + $letter
        }
    }
    return '"' + $out + '"'
}

function Get-ReportText([int]$code) {
    # A report has at most 64 KiB: what comes after stays out.
    $updates = @()
    $length = 0
    foreach ($result in $script:results) {
        $one = '{"id":' + (Format-Json $result.Id) + ',"state":' + (Format-Json $result.State)
        $number = 0
        if ($result.Code -ne $null) { $number = $result.Code }
        $one = $one + ',"code":' + [string]$number + '}'
        $length = $length + $one.Length + 1
        if ($length -gt 63000) { break }
        $updates += $one
    }
    $text = '{"v":1,"host":' + (Format-Json $machine.Name)
    $text = $text + ',"os":' + (Format-Json $machine.Family)
    $text = $text + ',"release":' + (Format-Json $machine.Release)
    $text = $text + ',"sp":' + [string]$machine.SP
    $text = $text + ',"build":' + (Format-Json $machine.Build)
    $text = $text + ',"arch":' + (Format-Json $machine.Arch)
    $text = $text + ',"lang":' + (Format-Json $machine.Language)
    $text = $text + ',"ring":' + (Format-Json $setRing)
    $text = $text + ',"generation":' + $setGeneration
    $text = $text + ',"set":' + (Format-Json $setName)
    $text = $text + ',"result":' + [string]$code
    return ($text + ',"updates":[' + [string]::Join(',', [string[]]$updates) + "]}`n")
}

# Sends one line of JSON: a new file in a folder that need not be readable, or
# the body of a POST. A report that cannot be sent changes no exit code.
function Send-Report([int]$code) {
    $bytes = [System.Text.Encoding]::ASCII.GetBytes((Get-ReportText $code))
    try {
        if (Test-Url $Report) {
            $url = $Report.TrimEnd('/')
            if (-not ($url -match '/report$')) { $url = $url + '/report' }
            Send-Bytes $url $bytes
        } else {
            $random = New-Object System.Random
            $name = $machine.Name + '-' + $random.Next(10000, 32767) + $random.Next(10000, 32767) + '.json'
            $file = New-Object System.IO.FileStream([System.IO.Path]::Combine($Report, $name), [System.IO.FileMode]::CreateNew, [System.IO.FileAccess]::Write)
            try { $file.Write($bytes, 0, $bytes.Length) } finally { $file.Close() }
        }
    } catch {
        Write-Line ('note=report-not-sent why=' + (Format-Reason $_))
    }
}

function Send-Bytes([string]$url, $bytes) {
    $request = New-Request $url
    $request.Method = 'POST'
    $request.ContentType = 'application/json'
    $request.ContentLength = $bytes.Length
    $request.ServicePoint.Expect100Continue = $false
    $stream = $request.GetRequestStream()
    try { $stream.Write($bytes, 0, $bytes.Length) } finally { $stream.Close() }
    $response = $request.GetResponse()
    $response.Close()
}
