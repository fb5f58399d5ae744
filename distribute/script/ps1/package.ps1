# ---- where packages are -------------------------------------------------------

# The root of the tree, above this script.
$root = $here
if ($setUp -ne '') { $root = [System.IO.Path]::GetFullPath([System.IO.Path]::Combine($here, $setUp)) }
# Below %SystemRoot% only administrators write; what is run from here is what
# was checked here.
$stageFolder = $Stage
$copyAll = ($Stage -ne '')
if ($stageFolder -eq '') { $stageFolder = $env:SystemRoot + '\patchferry\stage' }
$stageFolder = [System.IO.Path]::Combine($stageFolder, $setName)

function Join-Url([string]$base, [string]$path) {
    $url = $base.TrimEnd('/')
    foreach ($part in $path.Split('/')) {
        $url = $url + '/' + [System.Uri]::EscapeDataString($part)
    }
    return $url
}

# Where packages may be, in order: beside this script, in the tree above it, and
# at the bases.
function Get-Places {
    $places = @($here, $root)
    if ($Base -ne '') { $places += $Base }
    return ($places + $setBases)
}

# Where a file stands in a place that is a folder; nothing where it does not, or
# where the place is a URL.
function Get-PlaceFile([string]$place, $file) {
    if (Test-Url $place) { return '' }
    $path = [System.IO.Path]::Combine($place, $file.Path.Replace('/', '\'))
    if ($place -eq $here) { $path = [System.IO.Path]::Combine($here, $file.Name) }
    if ([System.IO.File]::Exists($path)) { return $path }
    return ''
}

# Finds one file that is right: where it stands, or, for a local one and for what
# comes by HTTP, in the stage. State is empty where it is right, else "missing"
# or "bad".
function Find-File($file, [string]$folder, [bool]$local) {
    $state = 'missing'
    $check = '-'
    $target = [System.IO.Path]::Combine($folder, $file.Name)
    if ([System.IO.File]::Exists($target)) {
        $test = Test-File $file $target
        if ($test.Right) { return @{ State = ''; File = $target; Check = $test.Check } }
    }
    foreach ($place in (Get-Places)) {
        try {
            $there = Get-PlaceFile $place $file
            if ($there -ne '' -and -not $local) {
                $test = Test-File $file $there
                if ($test.Right) { return @{ State = ''; File = $there; Check = $test.Check } }
                $state = 'bad'
                $check = $test.Check
                continue
            }
            [void][System.IO.Directory]::CreateDirectory($folder)
            if ($there -ne '') { [System.IO.File]::Copy($there, $target, $true) }
            if ($there -eq '' -and -not (Test-Url $place)) { continue }
            if ($there -eq '' -and -not (Copy-Url (Join-Url $place $file.Path) $target $file.Size)) { continue }
            $test = Test-File $file $target
            if ($test.Right) { return @{ State = ''; File = $target; Check = $test.Check } }
            $state = 'bad'
            $check = $test.Check
            [System.IO.File]::Delete($target)
        } catch {
            Write-Line ('note=copy why=' + (Format-Reason $_))
        }
    }
    return @{ State = $state; File = ''; Check = $check }
}

# Leaves only these files, and parts of them, in a folder of the stage.
function Clear-Folder([string]$folder, $files) {
    if (-not [System.IO.Directory]::Exists($folder)) { return }
    $names = @()
    foreach ($file in $files) { $names += @($file.Name, ($file.Name + '.part')) }
    foreach ($path in [System.IO.Directory]::GetFiles($folder)) {
        if (-not ($names -contains [System.IO.Path]::GetFileName($path))) { [System.IO.File]::Delete($path) }
    }
}

# Finds all files of an item. Where it has more than one, and where its program
# reads what lies beside it, they are brought into a folder of their own on this
# machine, and nothing else lies there.
function Find-Package($item) {
    $folder = [System.IO.Path]::Combine($stageFolder, $item.Id)
    $local = ($copyAll -or $item.Apart)
    Clear-Folder $folder (@($item) + @($item.Members))
    foreach ($member in $item.Members) {
        $found = Find-File $member $folder $true
        if ($found.State -ne '') { return $found }
    }
    return (Find-File $item $folder $local)
}

# Takes an item's part of the stage away again.
function Remove-Stage($item) {
    $folder = [System.IO.Path]::Combine($stageFolder, $item.Id)
    try {
        if ([System.IO.Directory]::Exists($folder)) { [System.IO.Directory]::Delete($folder, $true) }
    } catch {
        Write-Line ('note=stage-not-removed why=' + (Format-Reason $_))
    }
}
