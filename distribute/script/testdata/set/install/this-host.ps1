# this-host.ps1: one file for any host. It finds out what this machine is, and
# runs the install.ps1 of its kind, below hosts, with its own arguments.
#
# Exit: 0 done, 3010 restart and run this again, 1618 another installation runs,
# 1 something failed. It never restarts the machine.

param(
    [switch]$Dry,
    [string]$Log = '',
    [string]$Stage = '',
    [string]$Only = '',
    [string]$Base = '',
    [string]$Report = '',
    [switch]$Help,
    [Parameter(Position = 0, ValueFromRemainingArguments = $true)]
    [string[]]$Words
)

$All = $false
$flags = @('/dry', '/log', '/stage', '/only', '/base', '/report')

$scriptName = 'this-host.ps1'
$usage = @(
    'this-host.ps1 [-Dry] [-Log FILE] [-Stage DIR] [-Only ID] [-Base URL|UNC] [-Report URL|UNC] [-Help]',
    '  -Base    where the tree is, if it is not above this script',
    '  the others: see install.ps1 -Help'
)
$changes = $true

$setName = 'this-host'
$setBases = @('http://server:8530')
$systems = @(
    @{ Family = 'windows2000'; Version = '5.0'; MinBuild = 2195; MaxBuild = 2195; Type = ''; Release = '' },
    @{ Family = 'windowsxp'; Version = '5.1'; MinBuild = 2600; MaxBuild = 2600; Type = ''; Release = '' },
    @{ Family = 'windowsxp'; Version = '5.2'; MinBuild = 3790; MaxBuild = 3790; Type = 'client'; Release = '' },
    @{ Family = 'windowsserver2003'; Version = '5.2'; MinBuild = 3790; MaxBuild = 3790; Type = 'server'; Release = '' },
    @{ Family = 'windowsvista'; Version = '6.0'; MinBuild = 6000; MaxBuild = 6003; Type = 'client'; Release = '' },
    @{ Family = 'windowsserver2008'; Version = '6.0'; MinBuild = 6001; MaxBuild = 6003; Type = 'server'; Release = '' },
    @{ Family = 'windows7'; Version = '6.1'; MinBuild = 7600; MaxBuild = 7601; Type = 'client'; Release = '' },
    @{ Family = 'windowsserver2008r2'; Version = '6.1'; MinBuild = 7600; MaxBuild = 7601; Type = 'server'; Release = '' },
    @{ Family = 'windows8'; Version = '6.2'; MinBuild = 9200; MaxBuild = 9200; Type = 'client'; Release = '' },
    @{ Family = 'windowsserver2012'; Version = '6.2'; MinBuild = 9200; MaxBuild = 9200; Type = 'server'; Release = '' },
    @{ Family = 'windows8.1'; Version = '6.3'; MinBuild = 9600; MaxBuild = 9600; Type = 'client'; Release = '' },
    @{ Family = 'windowsserver2012r2'; Version = '6.3'; MinBuild = 9600; MaxBuild = 9600; Type = 'server'; Release = '' },
    @{ Family = 'windows10'; Version = '10.0'; MinBuild = 10240; MaxBuild = 10240; Type = 'client'; Release = '1507' },
    @{ Family = 'windows10'; Version = '10.0'; MinBuild = 10586; MaxBuild = 10586; Type = 'client'; Release = '1511' },
    @{ Family = 'windows10'; Version = '10.0'; MinBuild = 14393; MaxBuild = 14393; Type = 'client'; Release = '1607' },
    @{ Family = 'windows10'; Version = '10.0'; MinBuild = 15063; MaxBuild = 15063; Type = 'client'; Release = '1703' },
    @{ Family = 'windows10'; Version = '10.0'; MinBuild = 16299; MaxBuild = 16299; Type = 'client'; Release = '1709' },
    @{ Family = 'windows10'; Version = '10.0'; MinBuild = 17134; MaxBuild = 17134; Type = 'client'; Release = '1803' },
    @{ Family = 'windows10'; Version = '10.0'; MinBuild = 17763; MaxBuild = 17763; Type = 'client'; Release = '1809' },
    @{ Family = 'windows10'; Version = '10.0'; MinBuild = 18362; MaxBuild = 18362; Type = 'client'; Release = '1903' },
    @{ Family = 'windows10'; Version = '10.0'; MinBuild = 18363; MaxBuild = 18363; Type = 'client'; Release = '1909' },
    @{ Family = 'windows10'; Version = '10.0'; MinBuild = 19041; MaxBuild = 19041; Type = 'client'; Release = '2004' },
    @{ Family = 'windows10'; Version = '10.0'; MinBuild = 19042; MaxBuild = 19042; Type = 'client'; Release = '20h2' },
    @{ Family = 'windows10'; Version = '10.0'; MinBuild = 19043; MaxBuild = 19043; Type = 'client'; Release = '21h1' },
    @{ Family = 'windows10'; Version = '10.0'; MinBuild = 19044; MaxBuild = 19044; Type = 'client'; Release = '21h2' },
    @{ Family = 'windows10'; Version = '10.0'; MinBuild = 19045; MaxBuild = 19045; Type = 'client'; Release = '22h2' },
    @{ Family = 'windows11'; Version = '10.0'; MinBuild = 22000; MaxBuild = 22000; Type = 'client'; Release = '21h2' },
    @{ Family = 'windows11'; Version = '10.0'; MinBuild = 22621; MaxBuild = 22621; Type = 'client'; Release = '22h2' },
    @{ Family = 'windows11'; Version = '10.0'; MinBuild = 22631; MaxBuild = 22631; Type = 'client'; Release = '23h2' },
    @{ Family = 'windows11'; Version = '10.0'; MinBuild = 26100; MaxBuild = 26100; Type = 'client'; Release = '24h2' },
    @{ Family = 'windows11'; Version = '10.0'; MinBuild = 26200; MaxBuild = 26200; Type = 'client'; Release = '25h2' },
    @{ Family = 'windows11'; Version = '10.0'; MinBuild = 28000; MaxBuild = 28000; Type = 'client'; Release = '26h1' },
    @{ Family = 'windowsserver2016'; Version = '10.0'; MinBuild = 14393; MaxBuild = 14393; Type = 'server'; Release = '' },
    @{ Family = 'windowsserver-sac'; Version = '10.0'; MinBuild = 16299; MaxBuild = 16299; Type = 'server'; Release = '1709' },
    @{ Family = 'windowsserver-sac'; Version = '10.0'; MinBuild = 17134; MaxBuild = 17134; Type = 'server'; Release = '1803' },
    @{ Family = 'windowsserver2019'; Version = '10.0'; MinBuild = 17763; MaxBuild = 17763; Type = 'server'; Release = '' },
    @{ Family = 'windowsserver-sac'; Version = '10.0'; MinBuild = 18362; MaxBuild = 18362; Type = 'server'; Release = '1903' },
    @{ Family = 'windowsserver-sac'; Version = '10.0'; MinBuild = 18363; MaxBuild = 18363; Type = 'server'; Release = '1909' },
    @{ Family = 'windowsserver-sac'; Version = '10.0'; MinBuild = 19041; MaxBuild = 19041; Type = 'server'; Release = '2004' },
    @{ Family = 'windowsserver-sac'; Version = '10.0'; MinBuild = 19042; MaxBuild = 19042; Type = 'server'; Release = '20h2' },
    @{ Family = 'windowsserver2022'; Version = '10.0'; MinBuild = 20348; MaxBuild = 20348; Type = 'server'; Release = '' },
    @{ Family = 'windowsserver-sac'; Version = '10.0'; MinBuild = 25398; MaxBuild = 25398; Type = 'server'; Release = '23h2' },
    @{ Family = 'windowsserver2025'; Version = '10.0'; MinBuild = 26100; MaxBuild = 26100; Type = 'server'; Release = '' },
    @{ Family = 'windows10'; Version = '10.0'; MinBuild = 10240; MaxBuild = 21999; Type = 'client'; Release = '' },
    @{ Family = 'windows11'; Version = '10.0'; MinBuild = 22000; MaxBuild = 0; Type = 'client'; Release = '' }
)
$languages = @{
    '0401' = 'AR'
    '0402' = 'BG'
    '0403' = 'CA'
    '0404' = 'ZHTW'
    '0405' = 'CS'
    '0406' = 'DA'
    '0407' = 'DE'
    '0408' = 'EL'
    '0409' = 'EN'
    '040b' = 'FI'
    '040c' = 'FR'
    '040d' = 'HE'
    '040e' = 'HU'
    '040f' = 'IS'
    '0410' = 'IT'
    '0411' = 'JA'
    '0412' = 'KO'
    '0413' = 'NL'
    '0414' = 'NO'
    '0415' = 'PL'
    '0416' = 'PTBR'
    '0418' = 'RO'
    '0419' = 'RU'
    '041a' = 'HR'
    '041b' = 'SK'
    '041c' = 'SQ'
    '041d' = 'SV'
    '041e' = 'TH'
    '041f' = 'TR'
    '0420' = 'UR'
    '0421' = 'ID'
    '0422' = 'UK'
    '0423' = 'BE'
    '0424' = 'SL'
    '0425' = 'ET'
    '0426' = 'LV'
    '0427' = 'LT'
    '0428' = 'TG'
    '0429' = 'FA'
    '042a' = 'VI'
    '042b' = 'HY'
    '042c' = 'AZ'
    '042d' = 'EU'
    '042f' = 'MK'
    '0432' = 'TN'
    '0434' = 'XH'
    '0435' = 'ZU'
    '0436' = 'AF'
    '0437' = 'KA'
    '0439' = 'HI'
    '043a' = 'MT'
    '043e' = 'MS'
    '043f' = 'KK'
    '0440' = 'KY'
    '0441' = 'SW'
    '0442' = 'TK'
    '0443' = 'UZ'
    '0444' = 'TT'
    '0445' = 'BN'
    '0446' = 'PA'
    '0447' = 'GU'
    '0448' = 'OR'
    '0449' = 'TA'
    '044a' = 'TE'
    '044b' = 'KN'
    '044c' = 'ML'
    '044d' = 'AS'
    '044e' = 'MR'
    '0450' = 'MN'
    '0452' = 'CY'
    '0453' = 'KM'
    '0454' = 'LO'
    '0456' = 'GL'
    '0457' = 'KOK'
    '045b' = 'SI'
    '045e' = 'AM'
    '0461' = 'NE'
    '0463' = 'PS'
    '0464' = 'FIL'
    '0468' = 'HA'
    '046a' = 'YO'
    '046c' = 'NSO'
    '046e' = 'LB'
    '0470' = 'IG'
    '0473' = 'TI'
    '0480' = 'UG'
    '0481' = 'MI'
    '0487' = 'RW'
    '0488' = 'WO'
    '048c' = 'PRS'
    '0491' = 'GD'
    '0804' = 'ZHCN'
    '0809' = 'ENGB'
    '080a' = 'ESMX'
    '0814' = 'NN'
    '0816' = 'PT'
    '081a' = 'SRLATN'
    '083c' = 'GA'
    '0c04' = 'ZHHK'
    '0c0a' = 'ES'
    '0c0c' = 'FRCA'
    '0c1a' = 'SRCYRL'
    '0c6b' = 'QUZ'
    '141a' = 'BS'
    '7c1a' = 'SR'
    '10411' = 'NEC'
}

# ---- how this was called ------------------------------------------------------

$ErrorActionPreference = 'Stop'
# What nothing else catches ends the script, and its exit code says so.
trap {
    Write-Host ($scriptName + ': ' + $_.Exception.Message)
    exit 1
}
$self = $MyInvocation.MyCommand.Path
$here = [System.IO.Path]::GetDirectoryName($self)

function Stop-Usage([string]$why) {
    if ($why -ne '') { Write-Host ($scriptName + ': ' + $why) }
    foreach ($line in $usage) { Write-Host $line }
    if ($why -ne '') { exit 1 }
    exit 0
}

# Arguments in the form of the .cmd scripts are right here too: /dry /log FILE
function Read-Words($list) {
    $i = 0
    while ($i -lt $list.Length) {
        $name = ([string]$list[$i]).ToLower()
        $i++
        if ($name -eq '/help' -or $name -eq '/?') { $script:Help = $true; continue }
        if (-not ($flags -contains $name)) { Stop-Usage ('there is no argument "' + $name + '"') }
        if ($name -eq '/dry') { $script:Dry = $true; continue }
        if ($name -eq '/all') { $script:All = $true; continue }
        if ($i -ge $list.Length) { Stop-Usage ($name + ' needs a value') }
        $value = [string]$list[$i]
        $i++
        if ($name -eq '/log') { $script:Log = $value }
        if ($name -eq '/stage') { $script:Stage = $value }
        if ($name -eq '/only') { $script:Only = $value }
        if ($name -eq '/base') { $script:Base = $value }
        if ($name -eq '/report') { $script:Report = $value }
    }
}

# The full path of what may be relative to the current folder.
function Get-FullPath([string]$path) {
    $full = $ExecutionContext.SessionState.Path.GetUnresolvedProviderPathFromPSPath($path)
    if ($full.Length -gt 3) { $full = $full.TrimEnd('\') }
    return $full
}

function Test-Url([string]$where) {
    return ($where -match '^https?://')
}

# All arguments again, for a script that this one starts.
function Get-OwnArguments {
    $list = @()
    if ($Dry) { $list += '-Dry' }
    if ($All) { $list += '-All' }
    if ($Log -ne '') { $list += @('-Log', $Log) }
    if ($Stage -ne '') { $list += @('-Stage', $Stage) }
    if ($Only -ne '') { $list += @('-Only', $Only) }
    if ($Base -ne '') { $list += @('-Base', $Base) }
    if ($Report -ne '') { $list += @('-Report', $Report) }
    return $list
}

# One word of a command line. Of NAME=VALUE and /name:VALUE only the value goes
# into quotation marks, as msiexec and DISM want it.
function Format-Word([string]$word) {
    if ($word -ne '' -and -not ($word -match '[\s"]')) { return $word }
    if ($word -match '^([A-Za-z0-9_.]+=)(.*)$') { return $matches[1] + '"' + $matches[2].Replace('"', '""') + '"' }
    if ($word -match '^([/-][A-Za-z]+:)(.*)$') { return $matches[1] + '"' + $matches[2].Replace('"', '') + '"' }
    return '"' + $word.Replace('"', '\"') + '"'
}

function Join-Words($list) {
    $quoted = @()
    foreach ($word in @($list)) {
        if ($word -ne $null) { $quoted += (Format-Word ([string]$word)) }
    }
    return [string]::Join(' ', [string[]]$quoted)
}

# Runs a program, waits for it and returns its exit code.
function Invoke-Program([string]$file, $list) {
    $start = New-Object System.Diagnostics.ProcessStartInfo
    $start.FileName = $file
    $start.Arguments = Join-Words $list
    $start.UseShellExecute = $false
    $start.WorkingDirectory = $env:SystemRoot
    $process = [System.Diagnostics.Process]::Start($start)
    $process.WaitForExit()
    return $process.ExitCode
}

# Runs a script of the same kind, with our arguments.
function Invoke-Script([string]$powershell, [string]$program) {
    $list = @('-NoProfile', '-ExecutionPolicy', 'Bypass', '-File', $program)
    $list += @(Get-OwnArguments)
    return (Invoke-Program $powershell $list)
}

# A 32-bit PowerShell on a 64-bit system sees other folders and other keys than
# the system has; the other one goes on in its place, where there is one.
function Start-Native {
    if ([string]::IsNullOrEmpty($env:PROCESSOR_ARCHITEW6432)) { return }
    $native = $env:SystemRoot + '\Sysnative\WindowsPowerShell\v1.0\powershell.exe'
    if (-not [System.IO.File]::Exists($native)) { return }
    exit (Invoke-Script $native $self)
}

if ($null -ne $Words) { Read-Words $Words }
if ($Help) { Stop-Usage '' }
if ($Log -ne '') { $Log = Get-FullPath $Log }
if ($Stage -ne '') { $Stage = Get-FullPath $Stage }
if ($Base -ne '' -and -not (Test-Url $Base)) { $Base = Get-FullPath $Base }
if ($Report -ne '' -and -not (Test-Url $Report)) { $Report = Get-FullPath $Report }
Start-Native

# ---- the log ------------------------------------------------------------------

# Where nothing is said, a script that changes something keeps a log.
$logFile = $Log
if ($logFile -eq '' -and $changes -and -not $Dry) { $logFile = $env:SystemRoot + '\Temp\patchferry\' + $setName + '.log' }

# One line, to the console and to the log. It holds nothing but words of ours.
function Write-Line([string]$text) {
    Write-Host $text
    if ($script:logFile -eq '') { return }
    $stamp = [System.DateTime]::Now.ToString('yyyy-MM-dd HH:mm:ss')
    try {
        [void][System.IO.Directory]::CreateDirectory([System.IO.Path]::GetDirectoryName($script:logFile))
        [System.IO.File]::AppendAllText($script:logFile, $stamp + ' ' + $text + "`r`n")
    } catch {
        Write-Host ('the log ' + $script:logFile + ' cannot be written: ' + $_.Exception.Message)
        $script:logFile = ''
    }
}

# What went wrong, as one word of a log line.
function Format-Reason($failure) {
    return '"' + [regex]::Replace([string]$failure.Exception.Message, '[^ !#-~]+', ' ') + '"'
}

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

# ---- HTTP ---------------------------------------------------------------------

# A request that goes straight to the server: it is one of this network.
function New-Request([string]$url) {
    # TLS 1.2 is not on by itself in older .NET; where the system decides (0) it stays so.
    if ($url -match '^https:' -and [int][System.Net.ServicePointManager]::SecurityProtocol -ne 0) {
        try {
            $with = [int][System.Net.ServicePointManager]::SecurityProtocol -bor 3072
            [System.Net.ServicePointManager]::SecurityProtocol = [System.Enum]::ToObject([System.Net.SecurityProtocolType], $with)
        } catch {
            Write-Line 'note=no-tls-1.2'
        }
    }
    $request = [System.Net.WebRequest]::Create($url)
    $request.Proxy = $null
    $request.UserAgent = 'patchferry-script'
    $request.Timeout = 60000
    $request.ReadWriteTimeout = 120000
    return $request
}

# The server's answer inside of an error, or nothing.
function Get-Answer($failure) {
    $cause = $failure.Exception
    while ($cause -ne $null) {
        if ($cause -is [System.Net.WebException]) { return $cause.Response }
        $cause = $cause.InnerException
    }
    return $null
}

# How long to wait before the next attempt, in seconds: as the server says, at
# most a minute.
function Get-Pause($answer, [int]$try) {
    if ($answer -ne $null) {
        $said = [string]$answer.Headers['Retry-After']
        if ($said -match '^\d{1,4}$') { return [System.Math]::Min(60, [int]$said + 1) }
    }
    return 2 * $try
}

# Asks for what a partial file lacks. .NET 2.0 knows no range from 2 GB on: such
# a file begins anew.
function Open-Rest([string]$url, [string]$part) {
    $have = [long]0
    if ([System.IO.File]::Exists($part)) { $have = (New-Object System.IO.FileInfo($part)).Length }
    $runtime = $PSVersionTable.CLRVersion
    if ($have -gt 2147483647 -and $runtime -ne $null -and $runtime.Major -lt 4) { $have = [long]0 }
    $request = New-Request $url
    if ($have -gt 2147483647) { $request.AddRange($have) }
    if ($have -gt 0 -and $have -le 2147483647) { $request.AddRange([int]$have) }
    $response = $request.GetResponse()
    $continues = ([int]$response.StatusCode -eq 206 -and [string]$response.Headers['Content-Range'] -match ('^bytes ' + $have + '-'))
    if (-not $continues) { $have = [long]0 }
    return @{ Response = $response; Have = $have }
}

# Adds what a server sends to a partial file. More than the size is an error.
function Copy-Rest($open, [string]$part, [long]$size) {
    $mode = [System.IO.FileMode]::Create
    if ($open.Have -gt 0) { $mode = [System.IO.FileMode]::Append }
    $buffer = New-Object byte[] 65536
    $stream = $open.Response.GetResponseStream()
    $file = New-Object System.IO.FileStream($part, $mode, [System.IO.FileAccess]::Write)
    $total = $open.Have
    if ($size -le 0 -and $open.Response.ContentLength -ge 0) { $size = $total + $open.Response.ContentLength }
    try {
        $n = $stream.Read($buffer, 0, $buffer.Length)
        while ($n -gt 0) {
            $total = $total + $n
            if ($size -gt 0 -and $total -gt $size) { throw 'the server sends more than the file has' }
            $file.Write($buffer, 0, $n)
            $n = $stream.Read($buffer, 0, $buffer.Length)
        }
    } finally {
        $file.Close()
        $stream.Close()
    }
    if ($size -gt 0 -and $total -lt $size) { throw 'the server sent less than the file has' }
}

# Fetches a URL into a file, going on where an earlier attempt or run stopped.
# It says whether the file is there then; the caller checks what is in it.
function Copy-Url([string]$url, [string]$target, [long]$size) {
    $part = $target + '.part'
    for ($try = 1; $try -le 5; $try++) {
        $answer = $null
        $open = $null
        try {
            if ($size -gt 0 -and [System.IO.File]::Exists($part)) {
                # More than the file has is not a part of it.
                $have = (New-Object System.IO.FileInfo($part)).Length
                if ($have -ge $size) { [System.IO.File]::Delete($part) }
            }
            $open = Open-Rest $url $part
            Copy-Rest $open $part $size
            if ([System.IO.File]::Exists($target)) { [System.IO.File]::Delete($target) }
            [System.IO.File]::Move($part, $target)
            return $true
        } catch {
            $answer = Get-Answer $_
            Write-Line ('note=fetch try=' + $try + ' why=' + (Format-Reason $_))
        } finally {
            if ($open -ne $null) { $open.Response.Close() }
        }
        $status = 0
        $pause = Get-Pause $answer $try
        if ($answer -ne $null) {
            $status = [int]$answer.StatusCode
            # An answer that stays open holds one of two connections.
            $answer.Close()
        }
        if (@(401, 403, 404, 410) -contains $status) { return $false }
        if ($status -eq 416) { [System.IO.File]::Delete($part) }
        if ($try -lt 5) { Start-Sleep -Seconds $pause }
    }
    return $false
}

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

# End of this-host.ps1.
