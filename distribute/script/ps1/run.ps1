# ---- running packages ---------------------------------------------------------

# The arguments of an item, with its log file where its program writes one.
function Get-RunArguments($item) {
    $list = @($item.Arguments)
    if ($item.LogSwitch -eq '' -or $script:logFile -eq '') { return $list }
    $file = [System.IO.Path]::Combine([System.IO.Path]::GetDirectoryName($script:logFile), $setName + '-' + $item.Id + '.log')
    if ($item.LogSwitch.EndsWith(' ')) {
        $list += @($item.LogSwitch.Trim(), $file)
    } else {
        $list += ($item.LogSwitch + $file)
    }
    return $list
}

# One INF a call: of several the exit code says nothing. Before Windows 10 1607
# pnputil has other switches.
function Invoke-PnPUtil([string]$file, $list) {
    if ($machine.Number -lt 14393) { return (Invoke-Program ($system32 + 'pnputil.exe') @('-i', '-a', $file)) }
    return (Invoke-Program ($system32 + 'pnputil.exe') (@('/add-driver', $file) + @($list)))
}

# A driver: its INF, or all of those in a cabinet, which is expanded first. Of
# several codes the first that is a failure counts, else a restart, else the last.
function Invoke-Driver($item, [string]$file, $list) {
    if (-not ($file -match '\.cab$')) { return (Invoke-PnPUtil $file $list) }
    $folder = [System.IO.Path]::Combine([System.IO.Path]::Combine($stageFolder, $item.Id), 'expanded')
    [void][System.IO.Directory]::CreateDirectory($folder)
    $code = Invoke-Program ($system32 + 'expand.exe') @($file, '-F:*', $folder)
    if ($code -ne 0) { return $code }
    $result = 259
    foreach ($inf in [System.IO.Directory]::GetFiles($folder, '*.inf', [System.IO.SearchOption]::AllDirectories)) {
        $code = Invoke-PnPUtil $inf $list
        $state = Get-CodeState $item $code
        if ($state -eq 'failed' -or $state -eq 'retry') { return $code }
        if ($state -eq 'reboot' -or $result -eq 259) { $result = $code }
    }
    return $result
}

# Runs an item's package and returns its exit code.
function Invoke-Item($item, [string]$file) {
    $list = @(Get-RunArguments $item)
    if ($item.Engine -eq 'msi') { return (Invoke-Program ($system32 + 'msiexec.exe') (@('/i', $file) + $list)) }
    if ($item.Engine -eq 'msp') { return (Invoke-Program ($system32 + 'msiexec.exe') (@('/p', $file) + $list)) }
    if ($item.Engine -eq 'wusa') { return (Invoke-Program ($system32 + 'wusa.exe') (@($file) + $list)) }
    if ($item.Engine -eq 'dism') {
        return (Invoke-Program ($system32 + 'dism.exe') (@('/Online', '/Add-Package', ('/PackagePath:' + $file)) + $list))
    }
    if ($item.Engine -eq 'pnputil') { return (Invoke-Driver $item $file $list) }
    return (Invoke-Program $file $list)
}
