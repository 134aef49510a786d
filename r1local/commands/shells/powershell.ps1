# Completion of r1local in PowerShell. In the file that $PROFILE names:
#   r1local completion powershell | Out-String | Invoke-Expression
Register-ArgumentCompleter -Native -CommandName r1local -ScriptBlock {
    param($wordToComplete, $commandAst, $cursorPosition)
    $program = $commandAst.CommandElements[0].Extent.Text.Trim('"', "'")
    $words = @($commandAst.CommandElements | Select-Object -Skip 1 |
        Where-Object { $_.Extent.EndOffset -lt $cursorPosition } |
        ForEach-Object {
            if ($_ -is [Management.Automation.Language.StringConstantExpressionAst]) { $_.Value }
            else { $_.Extent.Text }
        })
    $typed = $wordToComplete -replace '^["'']' -replace '["'']$'
    $encoding = [Console]::OutputEncoding
    try {
        [Console]::OutputEncoding = [Text.UTF8Encoding]::new()
        # Without "=", versions before 7.3 would leave an empty word out.
        $kind, $values = @(& $program __complete powershell @words "=$typed" 2>$null)
    } catch {
        return
    } finally {
        [Console]::OutputEncoding = $encoding
    }
    if ($kind -eq 'files') {
        return [Management.Automation.CompletionCompleters]::CompleteFilename($typed)
    }
    foreach ($line in $values) {
        $value, $help = $line -split "`t", 2
        $quoted = $value
        if ($value -match '[^\p{L}\p{N}_./\\:=+-]') {
            $quoted = "'" + $value.Replace("'", "''") + "'"
        }
        [Management.Automation.CompletionResult]::new(
            $quoted, $value, 'ParameterValue', $(if ($help) { $help } else { $value }))
    }
}
