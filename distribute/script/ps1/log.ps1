# ---- the log ------------------------------------------------------------------

# Where nothing is said, a script that changes something keeps a log.
$logFile = $Log
if ($logFile -eq '' -and $changes -and -not $Dry) { $logFile = $env:SystemRoot + '\Temp\patchferry\' + $setName + '.log' }

# One line, to the console and to the log. It holds nothing but words of ours.
function Write-Line([string]$text) {
    Write-Host $text
    if ($script:logFile -eq '') { return }
    $stamp = [System.DateTime]::Now.ToString('yyyy-MM-dd HH:mm:ss')
    try {
        [void][System.IO.Directory]::CreateDirectory([System.IO.Path]::GetDirectoryName($script:logFile))
        [System.IO.File]::AppendAllText($script:logFile, $stamp + ' ' + $text + "`r`n")
    } catch {
        Write-Host ('the log ' + $script:logFile + ' cannot be written: ' + $_.Exception.Message)
        $script:logFile = ''
    }
}

# What went wrong, as one word of a log line.
function Format-Reason($failure) {
    return '"' + [regex]::Replace([string]$failure.Exception.Message, '[^ !#-~]+', ' ') + '"'
}
