# ---- validate -----------------------------------------------------------------

# What became of an item on this machine since it was installed.
function Get-ItemState($item) {
    $script:wrongFile = ''
    $refusal = Get-Refusal $item
    if ($refusal -ne '' -and $refusal -ne 'sp') { return 'not-applicable' }
    $signs = Test-Signs $item
    # That a service pack is there already is no reason why it is not for this host.
    if ($refusal -ne '' -and -not $signs) { return 'not-applicable' }
    if ((Get-Installed $item) -eq 'unknown') { return 'unknown' }
    $script:wrongFile = ''
    $right = Test-Files $item
    if ($signs -and -not $right) { return 'replaced' }
    if ($signs -or ($item.Files.Length -gt 0 -and $right)) { return 'installed' }
    return 'missing'
}

$machine = Get-Machine
$known = $false
$wrong = $false
Write-Line ('begin set=' + $setName + ' generation=' + $setGeneration + ' os=' + $machine.Family + ' release=' + $machine.Release + ' build=' + $machine.Build + ' arch=' + $machine.Arch + ' lang=' + $machine.Language)
try {
    foreach ($item in $items) {
        if ($Only -ne '' -and $item.Id -ne $Only) { continue }
        $known = $true
        $state = Get-ItemState $item
        $more = ''
        if ($wrongFile -ne '') { $more = 'why="' + $wrongFile + '"' }
        Add-Result $item $state $null $more
        if ($state -eq 'missing' -or $state -eq 'replaced') { $wrong = $true }
    }
} catch {
    Write-Line ('note=stopped why=' + (Format-Reason $_))
    $wrong = $true
}
if ($Only -ne '' -and -not $known) {
    Write-Host ($scriptName + ': there is no package "' + $Only + '" in this set')
    $wrong = $true
}
$code = 0
if ($wrong) { $code = 1 }
Stop-Script $code
