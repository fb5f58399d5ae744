# ---- the files that an update put here ----------------------------------------

$wrongFile = ''

# How a version, four numbers, compares with that of a file: -1 where the file
# is older, 0, or 1 where it is later.
function Compare-Version($file, [string]$want) {
    $info = [System.Diagnostics.FileVersionInfo]::GetVersionInfo($file)
    $have = @($info.FileMajorPart, $info.FileMinorPart, $info.FileBuildPart, $info.FilePrivatePart)
    $parts = $want.Split('.')
    for ($i = 0; $i -lt 4; $i++) {
        $number = 0
        if ($i -lt $parts.Length -and $parts[$i] -match '^\d+$') { $number = [long]$parts[$i] }
        if ($have[$i] -lt $number) { return -1 }
        if ($have[$i] -gt $number) { return 1 }
    }
    return 0
}

# What became of a file that an item put on the machine: right, absent, or other.
# A later version is right whatever its bytes are.
function Get-FileState($file) {
    $path = [System.Environment]::ExpandEnvironmentVariables($file.Path)
    if (-not [System.IO.File]::Exists($path)) { return 'absent' }
    if ($file.Version -ne '') {
        $order = Compare-Version $path $file.Version
        if ($order -lt 0) { return 'other' }
        if ($order -gt 0) { return 'right' }
    }
    $check = Test-File $file $path
    if ($check.Right) { return 'right' }
    return 'other'
}

# Whether all files of an item are right; the first that is not is told.
function Test-Files($item) {
    foreach ($file in $item.Files) {
        $state = Get-FileState $file
        if ($state -ne 'right') {
            $script:wrongFile = $file.Path + ' is ' + $state
            return $false
        }
    }
    return $true
}

# Whether an item is installed: yes, no, or unknown where nothing tells.
function Get-Installed($item) {
    if (Test-Signs $item) { return 'yes' }
    if ($item.Files.Length -gt 0 -and (Test-Files $item)) { return 'yes' }
    if ($item.Files.Length -gt 0 -or (Test-HasSigns $item)) { return 'no' }
    return 'unknown'
}
