# ---- the set of this kind of host ---------------------------------------------

# What is fetched by HTTP stands below %SystemRoot%, where only administrators write.
$fetched = $env:SystemRoot + '\patchferry\this-host'
if ($Stage -ne '') { $fetched = [System.IO.Path]::Combine($Stage, 'this-host') }

# Where the install.ps1 of a folder is, below a root; nothing where it is not.
function Find-Script([string]$where, [string]$folder) {
    $path = 'install/hosts/' + $folder + '/install.ps1'
    if (-not (Test-Url $where)) {
        $file = [System.IO.Path]::Combine($where, $path.Replace('/', '\'))
        if ([System.IO.File]::Exists($file)) { return $file }
        return ''
    }
    # As deep as in the tree, and always the newest.
    $file = [System.IO.Path]::Combine($fetched, $path.Replace('/', '\'))
    [void][System.IO.Directory]::CreateDirectory([System.IO.Path]::GetDirectoryName($file))
    if ([System.IO.File]::Exists($file)) { [System.IO.File]::Delete($file) }
    if ([System.IO.File]::Exists($file + '.part')) { [System.IO.File]::Delete($file + '.part') }
    if (-not (Copy-Url ($where.TrimEnd('/') + '/' + $path) $file 0)) { return '' }
    # It is run only if all of it came: its last line says so.
    if ([System.IO.File]::ReadAllText($file).EndsWith("# End of install.ps1.`r`n")) { return $file }
    return ''
}

$machine = Get-Machine
$kind = $machine.Family + '/' + $machine.Arch
if ($machine.Family -eq '') {
    Write-Line ('note=system-not-known build=' + $machine.Build)
    exit 1
}
$beside = [System.IO.Path]::GetDirectoryName($here)
$roots = @($beside)
if ($Base -ne '') { $roots += $Base }
$roots += $setBases
$names = @('ALL')
if ($machine.Language -ne '') { $names = @($machine.Language, 'ALL') }
foreach ($name in $names) {
    foreach ($where in $roots) {
        $found = Find-Script $where ($kind + '/' + $name)
        if ($found -eq '') { continue }
        if ($where -ne $beside) { $Base = $where }
        exit (Invoke-Script ($PSHOME + '\powershell.exe') $found)
    }
}
Write-Line ('note=nothing-for-this-host kind=' + $kind + '/' + $names[0] + ' build=' + $machine.Build)
exit 1
