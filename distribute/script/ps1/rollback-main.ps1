# ---- roll back ----------------------------------------------------------------

# The full path of a program: one without a folder is of the system.
function Get-Program([string]$name) {
    $full = [System.Environment]::ExpandEnvironmentVariables($name)
    if ($full.IndexOf('\') -lt 0) {
        if (-not ($full -match '\.exe$')) { $full = $full + '.exe' }
        $full = $system32 + $full
    }
    return $full
}

# The first command whose program and key are there. Program is empty where it
# is the item's own package.
function Find-Command($item) {
    foreach ($command in $item.Removal) {
        if ($command.Key -ne '' -and -not (Test-Key $command.Key)) { continue }
        if ($command.Program -eq '') { return $command }
        if ([System.IO.File]::Exists((Get-Program $command.Program))) { return $command }
    }
    return $null
}

function Invoke-Removal($item, $command) {
    $program = ''
    if ($command.Program -ne '') { $program = Get-Program $command.Program }
    if ($program -eq '') {
        $found = Find-Package $item
        if ($found.State -ne '') { Add-Result $item $found.State $null ('check=' + $found.Check); return }
        $program = $found.File
    }
    $list = @()
    foreach ($word in $command.Arguments) { $list += [System.Environment]::ExpandEnvironmentVariables($word) }
    $code = [int](Invoke-Program $program $list)
    $state = Get-CodeState $item $code
    Add-Result $item $state $code ''
    Remove-Stage $item
    if ($state -eq 'retry') { $script:stop = 1618 }
    # What a service pack brought is gone only after the restart.
    if ($code -eq 1641 -or ($item.Barrier -ne '' -and $state -eq 'reboot')) { $script:stop = 3010 }
}

function Undo-Item($item) {
    if ($script:stop -ne 0) { Add-Result $item 'waiting' $null ''; return }
    $refusal = Get-Refusal $item
    $signs = $false
    # A service pack that is there can be taken off.
    if ($refusal -eq '' -or $refusal -eq 'sp') { $signs = Test-Signs $item }
    if ($refusal -ne '' -and -not $signs) { Add-Result $item 'not-applicable' $null ('why=' + $refusal); return }
    if ((Test-HasSigns $item) -and -not $signs) { Add-Result $item 'not-applicable' $null 'why=absent'; return }
    $command = Find-Command $item
    if ($command -eq $null) {
        $why = $item.Stays
        if ($why -eq '') { $why = 'what would do that is not on this machine' }
        Write-Host ($item.Id + ' cannot be taken off: ' + $why)
        Add-Result $item 'failed' $null 'why=stays'
        return
    }
    if ($Dry) { Add-Result $item 'dry' $null ''; return }
    try {
        Invoke-Removal $item $command
    } catch {
        Add-Result $item 'failed' $null ('why=' + (Format-Reason $_))
    }
}

$stop = 0
$machine = Get-Machine
if ($Only -eq '' -and -not $All) { Stop-Usage 'say which one: -Only ID, or -All' }
if (-not $Dry -and -not (Test-Administrator)) {
    Write-Host ($scriptName + ' must be run by an administrator, or by the system.')
    exit 1
}
Write-Line ('begin rollback set=' + $setName + ' generation=' + $setGeneration + ' os=' + $machine.Family + ' build=' + $machine.Build)
$known = $false
# The last that was installed goes first.
for ($i = $items.Length - 1; $i -ge 0; $i--) {
    $item = $items[$i]
    if ($Only -ne '' -and $item.Id -ne $Only) { continue }
    $known = $true
    Undo-Item $item
}
if (-not $known) {
    Write-Host ($scriptName + ': there is no package "' + $Only + '" in this set')
    $failed = $true
}
$code = 0
if ($restart) { $code = 3010 }
if ($failed) { $code = 1 }
if ($stop -eq 1618) { $code = 1618 }
Stop-Script $code
