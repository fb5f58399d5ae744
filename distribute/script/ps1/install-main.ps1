# ---- install ------------------------------------------------------------------

# Writes to our own key in the registry, by which management systems see what
# was done, and the next run what it waits for.
function Set-Mark([string]$name, [string]$data) {
    if ($Dry) { return }
    $key = [Microsoft.Win32.Registry]::LocalMachine.CreateSubKey('SOFTWARE\patchferry\Sets\' + $setName)
    $key.SetValue($name, $data)
    $key.Close()
}

# Nothing on the machine tells of an item: what a run wrote down counts.
function Test-Noted($item) {
    if ($item.Note -eq '') { return $false }
    return ($null -ne (Get-KeyValue 'HKLM\SOFTWARE\patchferry\Packages' $item.Note))
}

function Set-Note($item, [string]$state) {
    if ($item.Note -eq '' -or @('ok', 'reboot', 'present') -notcontains $state) { return }
    $key = [Microsoft.Win32.Registry]::LocalMachine.CreateSubKey('SOFTWARE\patchferry\Packages')
    $key.SetValue($item.Note, $item.Id)
    $key.Close()
}

# QChain.exe puts in order what several Hotfix.exe packages left to be replaced
# at the next start. It comes with none of them.
function Invoke-QChain {
    foreach ($folder in (@($here, ($root + '\install')) + $env:PATH.Split(';'))) {
        if ($folder -eq '') { continue }
        $program = $folder.Trim('"').TrimEnd('\') + '\qchain.exe'
        if (-not [System.IO.File]::Exists($program)) { continue }
        $list = @()
        if ($script:logFile -ne '') { $list += [System.IO.Path]::Combine([System.IO.Path]::GetDirectoryName($script:logFile), $setName + '-QChain.log') }
        $code = Invoke-Program $program $list
        $state = 'ok'
        if ($code -ne 0) { $state = 'failed'; $script:failed = $true }
        Write-Line ('id=QChain state=' + $state + ' rc=' + $code + ' kind=qchain.exe')
        return
    }
    Write-Line 'id=QChain state=missing'
    Write-Host 'qchain.exe is neither beside this script nor in PATH: restart after each of several old hotfixes.'
}

# The time of the last shutdown, in hexadecimal digits, as install.cmd writes it.
function Get-LastStop {
    $time = Get-KeyValue 'HKLM\SYSTEM\CurrentControlSet\Control\Windows' 'ShutdownTime'
    if ($null -eq $time) { return '' }
    return [System.BitConverter]::ToString([byte[]]$time).Replace('-', '')
}

# What was the last shutdown when we asked for a restart. Only Windows before Vista
# needs to be asked so.
function Set-Asked {
    $time = Get-LastStop
    if ($machine.Build -match '^5\.' -and $time -ne '') { Set-Mark 'LastStop' $time }
}

# Whether Windows still has a restart ahead of it. Before Vista there are only files
# to be renamed, and some programs ask for that at every start: a shutdown since we
# asked was the restart.
function Test-RestartPending {
    if ($machine.Build -notmatch '^5\.') {
        return (Test-Key 'HKLM\SOFTWARE\Microsoft\Windows\CurrentVersion\Component Based Servicing\RebootPending')
    }
    if ($null -eq (Get-KeyValue 'HKLM\SYSTEM\CurrentControlSet\Control\Session Manager' 'PendingFileRenameOperations')) { return $false }
    $asked = [string](Get-KeyValue ('HKLM\SOFTWARE\patchferry\Sets\' + $setName) 'LastStop')
    $time = Get-LastStop
    if ($asked -ne '' -and $time -ne '' -and $asked -ne $time) { return $false }
    Set-Asked
    return $true
}

# What comes after an item waits: for a restart (3010), for another installation
# (1618), or until it can be installed (1).
function Stop-Here([int]$code) { $script:stop = $code }

# An item that is there may be the barrier of the last run, and the machine not
# restarted since.
function Complete-Present($item) {
    if ($item.Barrier -ne '' -and $waited -eq $item.Id -and (Test-RestartPending)) {
        Stop-Here 3010
        Add-Result $item 'reboot' $null ''
        return
    }
    $more = ''
    if ($item.Note -ne '') { $more = 'why=noted' }
    Add-Result $item 'installed' $null $more
}

# What comes after a barrier needs it active.
function Complete-Barrier($item, [string]$state) {
    if ($item.Barrier -eq '') { return }
    if (@('failed', 'missing', 'bad') -contains $state) { Stop-Here 1; return }
    if ($state -ne 'ok' -and $state -ne 'reboot') { return }
    $script:packages = $null
    if ($state -eq 'ok' -and $item.Barrier -eq 'after' -and (Get-Installed $item) -ne 'no') { return }
    Stop-Here 3010
    $script:restart = $true
    Set-Mark 'Waiting' $item.Id
    Set-Asked
}

# Looks for an item's files and brings nothing: a run that changes nothing says
# where it would fetch from, and what it would find missing or bad.
function Find-Dry($item) {
    foreach ($file in (@($item) + @($item.Members))) {
        $state = 'missing'
        foreach ($place in (Get-Places)) {
            if (Test-Url $place) {
                Write-Host ('would fetch ' + (Join-Url $place $file.Path))
                $state = ''
                break
            }
            $there = Get-PlaceFile $place $file
            if ($there -eq '') { continue }
            $test = Test-File $file $there
            if ($test.Right) { $state = ''; break }
            $state = 'bad'
        }
        if ($state -ne '') { return $state }
    }
    return 'dry'
}

# Installs one item, and notes what became of it.
function Install-Item($item) {
    if ($script:stop -ne 0) { Add-Result $item 'waiting' $null ''; return }
    $refusal = Get-Refusal $item
    # That a service pack is there already is no reason why it is not for this host.
    if (($refusal -eq '' -or $refusal -eq 'sp') -and (Get-Installed $item) -eq 'yes') { Complete-Present $item; return }
    if ($refusal -ne '') { Add-Result $item 'not-applicable' $null ('why=' + $refusal); return }
    if (Test-Noted $item) { Complete-Present $item; return }
    if ($Dry) { Add-Result $item (Find-Dry $item) $null ''; return }
    $found = Find-Package $item
    if ($found.State -ne '') {
        Add-Result $item $found.State $null ('check=' + $found.Check)
        Complete-Barrier $item $found.State
        return
    }
    $code = $null
    $state = 'failed'
    $more = 'check=' + $found.Check
    try {
        $code = [int](Invoke-Item $item $found.File)
        $state = Get-CodeState $item $code
        if ($item.QChain) { $script:chain = $true }
    } catch {
        $more = $more + ' why=' + (Format-Reason $_)
    }
    Add-Result $item $state $code $more
    Set-Note $item $state
    if ($code -ne $null) { Remove-Stage $item }
    Complete-Barrier $item $state
    if ($state -eq 'retry') { Stop-Here 1618 }
    # 1641: the restart has begun.
    if ($code -eq 1641) { Stop-Here 3010 }
}

function Install-All {
    $known = $false
    foreach ($item in $items) {
        if ($Only -ne '' -and $item.Id -ne $Only) { continue }
        $known = $true
        Install-Item $item
    }
    if ($script:chain) { Invoke-QChain }
    if ($Only -ne '' -and -not $known) {
        Write-Host ($scriptName + ': there is no package "' + $Only + '" in this set')
        $script:failed = $true
    }
}

function Get-Result {
    if ($script:stop -eq 1618) { return 1618 }
    if ($script:failed) { return 1 }
    if ($script:restart) { return 3010 }
    return 0
}

$stop = 0
$chain = $false
$machine = Get-Machine
if (-not $Dry -and -not (Test-Administrator)) {
    Write-Host ($scriptName + ' must be run by an administrator, or by the system.')
    exit 1
}
$waited = [string](Get-KeyValue ('HKLM\SOFTWARE\patchferry\Sets\' + $setName) 'Waiting')
Write-Line ('begin set=' + $setName + ' generation=' + $setGeneration + ' os=' + $machine.Family + ' release=' + $machine.Release + ' build=' + $machine.Build + ' arch=' + $machine.Arch + ' lang=' + $machine.Language)
$code = 1
try {
    Install-All
    $code = Get-Result
    if ($stop -eq 0) { Set-Mark 'Waiting' '-' }
    if ($Only -eq '') {
        Set-Mark 'Generation' $setGeneration
        Set-Mark 'Result' ([string]$code)
    }
} catch {
    Write-Line ('note=stopped why=' + (Format-Reason $_))
    $code = 1
}
if ($Report -ne '' -and -not $Dry) { Send-Report $code }
if ($restart) { Write-Host 'A restart is needed; run this again after it.' }
Stop-Script $code
