# ---- what this machine is -----------------------------------------------------

# A key of the registry by its short name, opened for reading. Nothing where it
# is not there or is not for us to read.
function Open-Key([string]$name) {
    $at = $name.IndexOf('\')
    if ($at -lt 0) { return $null }
    $hive = $name.Substring(0, $at).ToUpper()
    $top = $null
    if ($hive -eq 'HKLM' -or $hive -eq 'HKEY_LOCAL_MACHINE') { $top = [Microsoft.Win32.Registry]::LocalMachine }
    if ($hive -eq 'HKCR' -or $hive -eq 'HKEY_CLASSES_ROOT') { $top = [Microsoft.Win32.Registry]::ClassesRoot }
    if ($hive -eq 'HKCU' -or $hive -eq 'HKEY_CURRENT_USER') { $top = [Microsoft.Win32.Registry]::CurrentUser }
    if ($hive -eq 'HKU' -or $hive -eq 'HKEY_USERS') { $top = [Microsoft.Win32.Registry]::Users }
    if ($top -eq $null) { return $null }
    try {
        return $top.OpenSubKey($name.Substring($at + 1))
    } catch {
        return $null
    }
}

# A value of the registry as it stands there, or nothing.
function Get-KeyValue([string]$name, [string]$value) {
    $key = Open-Key $name
    if ($key -eq $null) { return $null }
    $data = $key.GetValue($value, $null, [Microsoft.Win32.RegistryValueOptions]::DoNotExpandEnvironmentNames)
    $key.Close()
    # The comma keeps an array whole.
    return ,$data
}

function Get-Architecture {
    # The system's own, whatever this process is.
    $name = [string](Get-KeyValue 'HKLM\SYSTEM\CurrentControlSet\Control\Session Manager\Environment' 'PROCESSOR_ARCHITECTURE')
    if ($name -eq '') { $name = $env:PROCESSOR_ARCHITECTURE }
    if ($name -eq 'AMD64') { return 'x64' }
    return $name.ToLower()
}

# The language that Windows was installed in, in the catalog's code. A
# sub-language that has none stands for the first of its language.
function Get-InstallLanguage {
    $id = ([string](Get-KeyValue 'HKLM\SYSTEM\CurrentControlSet\Control\Nls\Language' 'InstallLanguage')).ToLower()
    if ($languages.ContainsKey($id)) { return $languages[$id] }
    if (-not ($id -match '^[0-9a-f]{4}$')) { return '' }
    $primary = [System.Convert]::ToInt32($id, 16) -band 1023
    $first = '{0:x4}' -f (1024 + $primary)
    if ($languages.ContainsKey($first)) { return $languages[$first] }
    return ''
}

# Family and release, by the table of systems: version of the kernel, build, and
# whether it is a server.
function Get-System([string]$version, [int]$build, [string]$type) {
    foreach ($system in $systems) {
        if ($system.Version -ne $version) { continue }
        if ($system.Type -ne '' -and $system.Type -ne $type) { continue }
        if ($build -lt $system.MinBuild) { continue }
        if ($system.MaxBuild -gt 0 -and $build -gt $system.MaxBuild) { continue }
        return $system
    }
    return @{ Family = ''; Release = '' }
}

function Get-Machine {
    $nt = 'HKLM\SOFTWARE\Microsoft\Windows NT\CurrentVersion'
    $version = [string](Get-KeyValue $nt 'CurrentVersion')
    $major = Get-KeyValue $nt 'CurrentMajorVersionNumber'
    if ($major -ne $null) { $version = [string]$major + '.' + [string](Get-KeyValue $nt 'CurrentMinorVersionNumber') }
    $build = 0
    $number = [string](Get-KeyValue $nt 'CurrentBuildNumber')
    if ($number -match '^\d+$') { $build = [int]$number }
    $sp = 0
    if ($major -eq $null -and [string](Get-KeyValue $nt 'CSDVersion') -match 'Service Pack (\d+)') { $sp = [int]$matches[1] }
    $type = 'client'
    $product = [string](Get-KeyValue 'HKLM\SYSTEM\CurrentControlSet\Control\ProductOptions' 'ProductType')
    if ($product -eq 'ServerNT' -or $product -eq 'LanmanNT') { $type = 'server' }
    $arch = Get-Architecture
    $system = Get-System $version $build $type
    $release = $system.Release
    if ($sp -gt 0) { $release = 'sp' + $sp }
    $full = $version + '.' + $number
    $revision = Get-KeyValue $nt 'UBR'
    if ($revision -ne $null) { $full = $full + '.' + [string]$revision }
    $name = [regex]::Replace([string]$env:COMPUTERNAME, '[^A-Za-z0-9_.-]', '_')
    if ($name -eq '') { $name = 'unknown' }
    return @{
        Name = $name
        Family = $system.Family
        Release = $release
        SP = $sp
        Build = $full
        Number = $build
        Arch = $arch
        Language = (Get-InstallLanguage)
        Type = $type
    }
}
