# install.ps1 of host-windows2000-x86-EN: Updates for Windows 2000, x86, English
# Installs 7 packages; generation 12, state root 4bc790bcbe93b5ab7c2d25ac2616af3192e4717d533591b95676c5da8940365e.
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

$scriptName = 'install.ps1'
$usage = @(
    'install.ps1 [-Dry] [-Log FILE] [-Stage DIR] [-Only ID] [-Base URL|UNC] [-Report URL|UNC] [-Help]',
    '  -Dry     say what would be done, and change nothing',
    '  -Log     the log, in place of %SystemRoot%\Temp\patchferry\NAME.log',
    '  -Stage   bring packages into this folder first, and run them there',
    '  -Only    this package alone',
    '  -Base    where the tree is, if it is not above this script',
    '  -Report  leave one line of JSON in this folder, or at this server'
)
$changes = $true

$setName = 'host-windows2000-x86-EN'
$setRing = 'production'
$setGeneration = '12'
$setUp = '..\..\..\..\..'
$setBases = @('\\server\updates', 'http://server:8530/')
$codes1 = @{ '0' = 'ok'; '3010' = 'reboot' }
$codes2 = @{ '0' = 'reboot' }
$codes3 = @{ '0' = 'ok'; '1618' = 'retry'; '3010' = 'reboot' }
$codes4 = @{ '0' = 'ok'; '1642' = 'not-applicable' }
$codes5 = @{ '0' = 'ok'; '3010' = 'reboot'; '2359302' = 'present'; '-2145124329' = 'not-applicable' }
$codes6 = @{ '0' = 'ok'; '259' = 'not-applicable' }
$items = @(
    @{
        Id = 'KB2000'
        Title = 'Windows 2000 Service Pack 4'
        Kind = 'service-pack'; Engine = 'self'; Codes = $codes1
        Path = 'Software/EN/com_microsoft.windows2000/x86win2k/com_microsoft.KB2000/W2KSP4_EN.EXE'
        Name = 'W2KSP4_EN.EXE'
        Size = 6
        Sha256 = '55b64c24784bc4e571f904d8ad0a3d0b539686236e9bb493e3f6723543aeb547'
        Sha1 = ''
        Md5 = ''
        Members = @()
        Arguments = @('-u', '-q', '-z'); LogSwitch = ''
        Apart = $false; QChain = $false; Barrier = 'restart'
        GateOS = @('windows2000'); GateArch = @('x86'); GateLanguage = 'EN'
        MinSP = 0; MaxSP = 3; MinBuild = 0; MaxBuild = 0
        Dirs = @()
        Marks = @()
        Products = @(); Patches = @(); Packages = @()
        SP = 4
        Files = @()
        Note = ''
        Removal = @(
            @{ Program = '%windir%\$NtServicePackUninstall$\spuninst\spuninst.exe'; Arguments = @('-u', '-q', '-z'); Key = '' }
        )
        Stays = ''
    },
    @{
        Id = 'Q318202'
        Title = 'Don''t forget: O''Brien''s fix'
        Kind = 'hotfix.exe'; Engine = 'self'; Codes = $codes2
        Path = 'Software/EN/com_microsoft.windows2000/x86win2k/com_microsoft.Q318202/Q318202_W2K_SP4_X86_EN.exe'
        Name = 'Q318202_W2K_SP4_X86_EN.exe'
        Size = 7
        Sha256 = 'b644b636312b47ece734b4feafa019150c4dcdfa8741c4dc753c3c63071d6591'
        Sha1 = ''
        Md5 = ''
        Members = @()
        Arguments = @('-m', '-q', '-z'); LogSwitch = ''
        Apart = $false; QChain = $true; Barrier = ''
        GateOS = @('windows2000'); GateArch = @('x86'); GateLanguage = 'EN'
        MinSP = 0; MaxSP = 3; MinBuild = 0; MaxBuild = 0
        Dirs = @('%windir%\$NTUninstallQ318202$')
        Marks = @(
            @{ Key = 'HKLM\SOFTWARE\Microsoft\Windows NT\CurrentVersion\Hotfix\Q318202'; Value = 'Installed'; Data = '0x1' }
        )
        Products = @(); Patches = @(); Packages = @()
        SP = 0
        Files = @(
            @{ Path = '%windir%\system32\srv.dll'; Name = ''; Size = 0; Sha256 = ''; Sha1 = '0102000000000000000000000000000000000000'; Md5 = ''; Version = '5.0.2195.5041' }
        )
        Note = ''
        Removal = @(
            @{ Program = '%windir%\$NTUninstallQ318202$\spuninst\spuninst.exe'; Arguments = @('-u', '-q', '-z'); Key = '' },
            @{ Program = ''; Arguments = @('-y', '-m', '-q', '-z'); Key = '' }
        )
        Stays = ''
    },
    @{
        Id = 'Viewer'
        Title = 'A viewer'
        Kind = 'msi'; Engine = 'msi'; Codes = $codes3
        Path = 'Software/ALL/com_microsoft.other/any/viewer/the viewer.msi'
        Name = 'the viewer.msi'
        Size = 6
        Sha256 = '678bfa6af48b17cde7e32964ff2a268394373b68af81109ce7c42fc1dff25a02'
        Sha1 = ''
        Md5 = ''
        Members = @()
        Arguments = @('/qn', '/norestart'); LogSwitch = '/l*v '
        Apart = $false; QChain = $false; Barrier = ''
        GateOS = @(); GateArch = @(); GateLanguage = ''
        MinSP = 0; MaxSP = -1; MinBuild = 0; MaxBuild = 0
        Dirs = @()
        Marks = @()
        Products = @('{12345678-1234-1234-1234-123456789ABC}'); Patches = @(); Packages = @()
        SP = 0
        Files = @()
        Note = ''
        Removal = @(
            @{ Program = '%windir%\system32\msiexec.exe'; Arguments = @('/x', '{12345678-1234-1234-1234-123456789ABC}', '/qn'); Key = 'HKLM\SOFTWARE\x' }
        )
        Stays = ''
    },
    @{
        Id = 'Patch'
        Title = 'A patch of it'
        Kind = 'msp'; Engine = 'msp'; Codes = $codes4
        Path = 'Software/ALL/com_microsoft.other/any/patch/viewer.msp'
        Name = 'viewer.msp'
        Size = 5
        Sha256 = '7e345470de240d118d52814a74f5c64fabae0f55b122ecb00ffa17a8889ebc7d'
        Sha1 = ''
        Md5 = ''
        Members = @()
        Arguments = @('/qn', 'REBOOT=ReallySuppress'); LogSwitch = ''
        Apart = $false; QChain = $false; Barrier = ''
        GateOS = @(); GateArch = @(); GateLanguage = ''
        MinSP = 0; MaxSP = -1; MinBuild = 0; MaxBuild = 0
        Dirs = @()
        Marks = @()
        Products = @(); Patches = @('8765432143214321214321436587A9CB'); Packages = @()
        SP = 0
        Files = @()
        Note = ''
        Removal = @()
        Stays = 'its product is not known'
    },
    @{
        Id = 'KB4490628'
        Title = 'Servicing stack'
        Kind = 'msu'; Engine = 'wusa'; Codes = $codes5
        Path = 'Software/ALL/com_microsoft.windows7/x64win7/a/windows6.1-kb4490628-x64.msu'
        Name = 'windows6.1-kb4490628-x64.msu'
        Size = 9
        Sha256 = '2a3edd2fb9f27e5ea1e26427c8854a10fe767c29abdc37d4c8666f4f99fb1c39'
        Sha1 = '0400000000000000000000000000000000000000'
        Md5 = '03000000000000000000000000000000'
        Members = @()
        Arguments = @('/quiet', '/norestart'); LogSwitch = '/log:'
        Apart = $true; QChain = $false; Barrier = 'after'
        GateOS = @('windows7-sp1'); GateArch = @('x64'); GateLanguage = ''
        MinSP = 1; MaxSP = -1; MinBuild = 0; MaxBuild = 0
        Dirs = @()
        Marks = @()
        Products = @(); Patches = @(); Packages = @('KB4490628')
        SP = 0
        Files = @()
        Note = ''
        Removal = @()
        Stays = 'a servicing stack update cannot be removed'
    },
    @{
        Id = 'KB5062553'
        Title = 'Cumulative update, 24H2'
        Kind = 'msu'; Engine = 'dism'; Codes = $codes1
        Path = 'Software/ALL/com_microsoft.windows11/x64win11/b/windows11.0-kb5062553-x64.msu'
        Name = 'windows11.0-kb5062553-x64.msu'
        Size = 9
        Sha256 = '56094ffe477777b6ae74a863a8cc5c9d0fe8b59f3274810feb59e4787c32c24b'
        Sha1 = ''
        Md5 = ''
        Members = @(
            @{ Path = 'Software/ALL/com_microsoft.windows11/x64win11/b/windows11.0-kb5043080-x64.msu'; Name = 'windows11.0-kb5043080-x64.msu'; Size = 3; Sha256 = '306b6a7bc62143ed7aa6bc48f76bfab65859a6c8f14f9b05ec52780106d96515'; Sha1 = ''; Md5 = '' }
        )
        Arguments = @('/Quiet', '/NoRestart'); LogSwitch = '/LogPath:'
        Apart = $true; QChain = $false; Barrier = ''
        GateOS = @('windows11-24h2'); GateArch = @('x64'); GateLanguage = ''
        MinSP = 0; MaxSP = -1; MinBuild = 26100; MaxBuild = 26100
        Dirs = @()
        Marks = @()
        Products = @(); Patches = @(); Packages = @('KB5062553')
        SP = 0
        Files = @()
        Note = ''
        Removal = @()
        Stays = ''
    },
    @{
        Id = 'Intel.Network'
        Title = 'A network driver'
        Kind = 'driver.cab'; Engine = 'pnputil'; Codes = $codes6
        Path = 'Drivers/ALL/com_microsoft.windows10/x64win10/net/net.cab'
        Name = 'net.cab'
        Size = 13
        Sha256 = 'f3b346c58d134d1b9c0a9efc60ce86beb9e32bba1736925ed266bde6b9ef7f05'
        Sha1 = ''
        Md5 = ''
        Members = @()
        Arguments = @('/install'); LogSwitch = ''
        Apart = $true; QChain = $false; Barrier = ''
        GateOS = @('windows10'); GateArch = @(); GateLanguage = ''
        MinSP = 0; MaxSP = -1; MinBuild = 0; MaxBuild = 0
        Dirs = @()
        Marks = @()
        Products = @(); Patches = @(); Packages = @()
        SP = 0
        Files = @()
        Note = 'f3b346c58d134d1b9c0a9efc60ce86be'
        Removal = @()
        Stays = ''
    }
)
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

# ---- changing this machine ----------------------------------------------------

$system32 = $env:SystemRoot + '\System32\'

function Test-Administrator {
    $user = New-Object System.Security.Principal.WindowsPrincipal([System.Security.Principal.WindowsIdentity]::GetCurrent())
    return $user.IsInRole([System.Security.Principal.WindowsBuiltInRole]::Administrator)
}

# What an exit code means to an item. One that is not in its table is a failure.
function Get-CodeState($item, $code) {
    $state = $item.Codes[[string]$code]
    if ($state -eq $null) { return 'failed' }
    return $state
}

# ---- size and digest ----------------------------------------------------------

# SHA-256 by the class that .NET 2.0 has; where a policy allows only what is
# certified, by the one of the system.
function New-Hash([string]$name) {
    if ($name -eq 'sha1') { return (New-Object System.Security.Cryptography.SHA1CryptoServiceProvider) }
    if ($name -eq 'md5') { return (New-Object System.Security.Cryptography.MD5CryptoServiceProvider) }
    try {
        return (New-Object System.Security.Cryptography.SHA256Managed)
    } catch {
        Add-Type -AssemblyName System.Core
        return (New-Object System.Security.Cryptography.SHA256CryptoServiceProvider)
    }
}

function Get-Digest([string]$name, [string]$path) {
    $hash = New-Hash $name
    $stream = New-Object System.IO.FileStream($path, [System.IO.FileMode]::Open, [System.IO.FileAccess]::Read, [System.IO.FileShare]::Read)
    try {
        $bytes = $hash.ComputeHash($stream)
    } finally {
        $stream.Close()
    }
    return [System.BitConverter]::ToString($bytes).Replace('-', '').ToLower()
}

# Holds a file against its size and the best digest that is known. Check says
# which that is.
function Test-File($file, [string]$path) {
    $check = 'size'
    $want = ''
    if ($file.Md5 -ne '') { $check = 'md5'; $want = $file.Md5 }
    if ($file.Sha1 -ne '') { $check = 'sha1'; $want = $file.Sha1 }
    if ($file.Sha256 -ne '') { $check = 'sha256'; $want = $file.Sha256 }
    if ($file.Size -gt 0) {
        $info = New-Object System.IO.FileInfo($path)
        if ($info.Length -ne $file.Size) { return @{ Right = $false; Check = 'size' } }
    }
    if ($want -eq '') { return @{ Right = $true; Check = $check } }
    return @{ Right = ((Get-Digest $check $path) -eq $want); Check = $check }
}

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

# ---- the report ---------------------------------------------------------------

function Format-Json([string]$text) {
    $out = ''
    foreach ($letter in $text.ToCharArray()) {
        $number = [int]$letter
        if ($number -lt 32 -or $number -gt 126 -or $number -eq 34 -or $number -eq 92) {
            $out = $out + '\u' + ('{0:x4}' -f $number)
        } else {
            $out = $out + $letter
        }
    }
    return '"' + $out + '"'
}

function Get-ReportText([int]$code) {
    # A report has at most 64 KiB: what comes after stays out.
    $updates = @()
    $length = 0
    foreach ($result in $script:results) {
        $one = '{"id":' + (Format-Json $result.Id) + ',"state":' + (Format-Json $result.State)
        $number = 0
        if ($result.Code -ne $null) { $number = $result.Code }
        $one = $one + ',"code":' + [string]$number + '}'
        $length = $length + $one.Length + 1
        if ($length -gt 63000) { break }
        $updates += $one
    }
    $text = '{"v":1,"host":' + (Format-Json $machine.Name)
    $text = $text + ',"os":' + (Format-Json $machine.Family)
    $text = $text + ',"release":' + (Format-Json $machine.Release)
    $text = $text + ',"sp":' + [string]$machine.SP
    $text = $text + ',"build":' + (Format-Json $machine.Build)
    $text = $text + ',"arch":' + (Format-Json $machine.Arch)
    $text = $text + ',"lang":' + (Format-Json $machine.Language)
    $text = $text + ',"ring":' + (Format-Json $setRing)
    $text = $text + ',"generation":' + $setGeneration
    $text = $text + ',"set":' + (Format-Json $setName)
    $text = $text + ',"result":' + [string]$code
    return ($text + ',"updates":[' + [string]::Join(',', [string[]]$updates) + "]}`n")
}

# Sends one line of JSON: a new file in a folder that need not be readable, or
# the body of a POST. A report that cannot be sent changes no exit code.
function Send-Report([int]$code) {
    $bytes = [System.Text.Encoding]::ASCII.GetBytes((Get-ReportText $code))
    try {
        if (Test-Url $Report) {
            $url = $Report.TrimEnd('/')
            if (-not ($url -match '/report$')) { $url = $url + '/report' }
            Send-Bytes $url $bytes
        } else {
            $random = New-Object System.Random
            $name = $machine.Name + '-' + $random.Next(10000, 32767) + $random.Next(10000, 32767) + '.json'
            $file = New-Object System.IO.FileStream([System.IO.Path]::Combine($Report, $name), [System.IO.FileMode]::CreateNew, [System.IO.FileAccess]::Write)
            try { $file.Write($bytes, 0, $bytes.Length) } finally { $file.Close() }
        }
    } catch {
        Write-Line ('note=report-not-sent why=' + (Format-Reason $_))
    }
}

function Send-Bytes([string]$url, $bytes) {
    $request = New-Request $url
    $request.Method = 'POST'
    $request.ContentType = 'application/json'
    $request.ContentLength = $bytes.Length
    $request.ServicePoint.Expect100Continue = $false
    $stream = $request.GetRequestStream()
    try { $stream.Write($bytes, 0, $bytes.Length) } finally { $stream.Close() }
    $response = $request.GetResponse()
    $response.Close()
}

# ---- results and the end ------------------------------------------------------

$results = @()
$failed = $false
$restart = $false

# Notes what became of an item; a code there is only where something ran.
function Add-Result($item, [string]$state, $code, [string]$more) {
    $script:results += @(@{ Id = $item.Id; State = $state; Code = $code })
    if (@('failed', 'missing', 'bad') -contains $state) { $script:failed = $true }
    if ($state -eq 'reboot') { $script:restart = $true }
    $line = 'id=' + $item.Id + ' state=' + $state
    if ($code -ne $null) { $line = $line + ' rc=' + [string]$code }
    $line = $line + ' kind=' + $item.Kind
    if ($more -ne '') { $line = $line + ' ' + $more }
    Write-Line $line
}

# Ends the script with its exit code and the last line of the log.
function Stop-Script([int]$code) {
    Write-Line ('end set=' + $setName + ' rc=' + $code)
    exit $code
}

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

# End of install.ps1.
