"""The market: simulated advertisers whose campaigns have a known effect, so that credit can be held against it.

``advertisers`` says what each kind of advertiser runs; ``simulation`` lets people live through it, as it is and once
without each campaign, with the same chance; ``scores`` holds every attribution model against what the campaigns
caused; ``files`` writes what an advertiser would see as the two files of ``leadloop attribution run``, and the truth.

Pure: numbers come from a seed, nothing is read from the clock or the disk.
"""
