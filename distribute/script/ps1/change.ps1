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
