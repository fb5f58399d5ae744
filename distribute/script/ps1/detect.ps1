# ---- what an update is for, and whether it is there ---------------------------

# The list of packages is made once, where it is needed.
$packages = $null

# Why an item is not for this machine; nothing where it is.
function Get-Refusal($item) {
    if ($item.GateOS.Length -gt 0) {
        $names = @($machine.Family, ($machine.Family + '-' + $machine.Release))
        $right = $false
        foreach ($os in $item.GateOS) {
            if ($names -contains $os) { $right = $true }
        }
        if (-not $right) { return 'os' }
    }
    if ($item.GateArch.Length -gt 0 -and -not ($item.GateArch -contains $machine.Arch)) { return 'arch' }
    if ($item.GateLanguage -ne '' -and $item.GateLanguage -ne $machine.Language) { return 'lang' }
    if ($machine.SP -lt $item.MinSP) { return 'sp' }
    if ($item.MaxSP -ge 0 -and $machine.SP -gt $item.MaxSP) { return 'sp' }
    if ($machine.Number -lt $item.MinBuild) { return 'build' }
    if ($item.MaxBuild -gt 0 -and $machine.Number -gt $item.MaxBuild) { return 'build' }
    return ''
}

# A value as "reg query" prints it.
function Format-Data($data) {
    if ($data -is [int]) { return '0x{0:x}' -f $data }
    if ($data -is [long]) { return '0x{0:x}' -f $data }
    if ($data -is [byte[]]) { return [System.BitConverter]::ToString($data).Replace('-', '') }
    if ($data -is [string[]]) { return [string]::Join('\0', $data) }
    return [string]$data
}

function Test-Mark($mark) {
    $key = Open-Key $mark.Key
    if ($key -eq $null) { return $false }
    $key.Close()
    if ($mark.Value -eq '') { return $true }
    $data = Get-KeyValue $mark.Key $mark.Value
    if ($null -eq $data) { return $false }
    if ($mark.Data -eq '') { return $true }
    return ((Format-Data $data) -eq $mark.Data)
}

function Test-Key([string]$name) {
    $key = Open-Key $name
    if ($key -eq $null) { return $false }
    $key.Close()
    return $true
}

function Test-Product([string]$code) {
    $uninstall = 'Microsoft\Windows\CurrentVersion\Uninstall\' + $code
    if (Test-Key ('HKLM\SOFTWARE\' + $uninstall)) { return $true }
    return (Test-Key ('HKLM\SOFTWARE\Wow6432Node\' + $uninstall))
}

# A patch by the packed form of its code, as Windows Installer names its keys.
function Test-Patch([string]$packed) {
    if (Test-Key ('HKLM\SOFTWARE\Classes\Installer\Patches\' + $packed)) { return $true }
    return (Test-Key ('HKLM\SOFTWARE\Microsoft\Windows\CurrentVersion\Installer\UserData\S-1-5-18\Patches\' + $packed))
}

# The packages of the servicing store from state 80 on (superseded by a later one,
# about to be installed, installed, permanent), and what Windows lists as fixes.
function Get-Packages {
    $found = @{}
    $servicing = 'SOFTWARE\Microsoft\Windows\CurrentVersion\Component Based Servicing\Packages'
    $store = Open-Key ('HKLM\' + $servicing)
    if ($store -ne $null) {
        foreach ($name in $store.GetSubKeyNames()) {
            if (-not ($name -match '_for_(KB\d+)')) { continue }
            $kb = $matches[1].ToUpper()
            $state = Get-KeyValue ('HKLM\' + $servicing + '\' + $name) 'CurrentState'
            if ($state -ne $null -and $state -ge 80) { $found[$kb] = $true }
        }
        $store.Close()
    }
    try {
        foreach ($fix in @(Get-WmiObject -Class Win32_QuickFixEngineering)) {
            foreach ($name in @($fix.HotFixID, $fix.ServicePackInEffect)) {
                if (-not [string]::IsNullOrEmpty($name)) { $found[([string]$name).ToUpper()] = $true }
            }
        }
    } catch {
        Write-Line ('note=fixes-not-listed why=' + (Format-Reason $_))
    }
    return $found
}

function Test-Package([string]$kb) {
    if ($script:packages -eq $null) { $script:packages = Get-Packages }
    return $script:packages.ContainsKey($kb.ToUpper())
}

# Whether one of the signs that an item leaves is there. Looking at packages
# takes longest and comes last.
function Test-Signs($item) {
    if ($item.SP -gt 0 -and $machine.SP -ge $item.SP) { return $true }
    foreach ($folder in $item.Dirs) {
        if ([System.IO.Directory]::Exists([System.Environment]::ExpandEnvironmentVariables($folder))) { return $true }
    }
    foreach ($mark in $item.Marks) {
        if (Test-Mark $mark) { return $true }
    }
    foreach ($code in $item.Products) {
        if (Test-Product $code) { return $true }
    }
    foreach ($code in $item.Patches) {
        if (Test-Patch $code) { return $true }
    }
    foreach ($kb in $item.Packages) {
        if (Test-Package $kb) { return $true }
    }
    return $false
}

function Test-HasSigns($item) {
    return ($item.SP -gt 0 -or ($item.Dirs.Length + $item.Marks.Length + $item.Products.Length + $item.Patches.Length + $item.Packages.Length) -gt 0)
}
