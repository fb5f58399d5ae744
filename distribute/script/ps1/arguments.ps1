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
