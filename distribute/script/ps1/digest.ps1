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
