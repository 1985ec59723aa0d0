"""Words that stand in nearly every question and say nothing about its subject."""

_COMMON = """
    a about after all also am an and any are as at be because been before but by can cannot could d did do does
    doing don done for from get gets getting give got had has have having he her here him his how i if in into is
    it its just know let like ll m may me might much must my need no not now of on one or our out please re s say
    says shall she should show so some t tell than that the their them then there these they thing this those to
    too up us ve very want was we were what when whether which who why will with would you your
"""
STOP_WORDS = frozenset(_COMMON.split())
