# ---- results and the end ------------------------------------------------------

$results = @()
$failed = $false
$restart = $false

# Notes what became of an item; a code there is only where something ran.
function Add-Result($item, [string]$state, $code, [string]$more) {
    $script:results += @(@{ Id = $item.Id; State = $state; Code = $code })
    if (@('failed', 'missing', 'bad') -contains $state) { $script:failed = $true }
    if ($state -eq 'reboot') { $script:restart = $true }
    $line = 'id=' + $item.Id + ' state=' + $state
    if ($code -ne $null) { $line = $line + ' rc=' + [string]$code }
    $line = $line + ' kind=' + $item.Kind
    if ($more -ne '') { $line = $line + ' ' + $more }
    Write-Line $line
}

# Ends the script with its exit code and the last line of the log.
function Stop-Script([int]$code) {
    Write-Line ('end set=' + $setName + ' rc=' + $code)
    exit $code
}
