"""From a local CSV or DataFrame to a finished job at Netcore CE's bulk-upload API, in five steps.

read  ->  validate  ->  stage  ->  submit  ->  track
"""
